"""The folder of a calibration: calibration.json, policy.yaml and report.html."""

from __future__ import annotations

from pathlib import Path

from deploy.calibrate.result import FILE, POLICY, REPORT
from deploy.calibrate.run import Outcome
from deploy.errors import ConfigurationError
from deploy.items.export import whole
from deploy.policy.writing import to_yaml
from schemas.policy import Policy


def check_folder(folder: Path, *, force: bool) -> None:
    """Check before any work is done that a folder may be written.

    Raises:
        ConfigurationError: it is a file, or holds a calibration that may not be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"--out {folder} is a file: name a folder")
    there = [name for name in (FILE, POLICY, REPORT) if (folder / name).exists()]
    if there and not force:
        raise ConfigurationError(f"{folder} holds {', '.join(there)} already: choose another, or pass --force")


def policy_text(policy: Policy) -> str:
    """Return a policy as people write it, without a version: it gets the next one when it is published."""
    return to_yaml(policy.model_dump(mode="json", exclude={"version"}))


def write(outcome: Outcome, folder: Path) -> list[Path]:
    """Write a calibration, and return its files. calibration.json comes last: where it is, the others are whole.

    Raises:
        WriteError: the disk or the system refuses.
    """
    from deploy.calibrate.page import render  # noqa: PLC0415 (matplotlib takes its time)

    texts = {
        POLICY: policy_text(outcome.policy),
        REPORT: render(outcome),
        FILE: outcome.calibration.model_dump_json(indent=2) + "\n",
    }
    for name, text in texts.items():
        with whole(folder / name, force=True) as part:
            part.write_text(text, encoding="utf-8")
    return [folder / name for name in texts]
