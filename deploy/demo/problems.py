"""What may be written to a file of what could not be read: of a medical file its path may name a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from workers.sources.dicom import is_dicom

_MEDICAL: Final = (".nii", ".nii.gz", ".dcm", ".dicom", ".ima", ".hdr", ".img", ".mgz", ".mgh")


def written(problems: Iterable[str]) -> list[str]:
    """Return the problems as they may be kept: those of medical files without paths, each with how many there are."""
    told = [(_without_path(problem), problem) for problem in problems]
    medical = Counter(reason for reason, _ in told if reason is not None)
    return [
        *(problem for reason, problem in told if reason is None),
        *(f"{count} medical {'file' if count == 1 else 'files'}: {reason}" for reason, count in medical.items()),
    ]


def _without_path(problem: str) -> str | None:
    """Return the reason alone where a problem `PATH: REASON` is a medical file's, else None."""
    at = problem.find(": ")
    while at >= 0:
        path = Path(problem[:at])
        if _is_medical(path):
            reason = problem[at + 2 :]
            for name in (str(path), path.name, path.name.split(".", 1)[0]):  # an error of a library may repeat it
                reason = reason.replace(name, "…") if name else reason
            return reason
        at = problem.find(": ", at + 1)
    return None


def _is_medical(path: Path) -> bool:
    try:
        if path.is_dir():
            return any(_is_medical_file(one) for one in path.iterdir() if one.is_file())
        return _is_medical_file(path)
    except (OSError, ValueError):
        return path.name.lower().endswith(_MEDICAL)


def _is_medical_file(path: Path) -> bool:
    return path.name.lower().endswith(_MEDICAL) or (path.is_file() and is_dicom(path))
