"""What `sluice doctor` reports: rows, and whether the main job can run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any, Literal

Status = Literal["ok", "warning", "missing"]


@dataclass(frozen=True)
class Check:
    """One row of the report. A required one that is missing keeps the main job from running."""

    name: str
    status: Status
    found: str
    advice: str = ""
    required: bool = True


@dataclass(frozen=True)
class Report:
    """All rows."""

    checks: tuple[Check, ...]

    @property
    def ready(self) -> bool:
        """Whether the main job can run."""
        return not any(check.required and check.status == "missing" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {"ready": self.ready, "checks": [asdict(check) for check in self.checks]}


def version_of(package: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
