"""What may be written to a file of what could not be read: of a medical file its path may name a patient."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from workers.sources.dicom import is_dicom
from workers.sources.dispatch import by_suffix

_ORDINARY: Final = ("video", "text", "page", "pdf", "picture")


def written(problems: Iterable[str]) -> list[str]:
    """Return the problems as they may be kept: those of medical files without paths, each with how many there are."""
    told = [(_without_path(problem), problem) for problem in problems]
    medical = Counter(reason for reason, _ in told if reason is not None)
    return [
        *(problem for reason, problem in told if reason is None),
        *(f"{count} medical {'file' if count == 1 else 'files'}: {reason}" for reason, count in medical.items()),
    ]


def _without_path(problem: str) -> str | None:
    """Return the reason alone where a problem `PATH: REASON` may be a medical file's, else None."""
    path, reason = _parts(problem)
    if path is None:
        return "cannot be opened"
    if not _is_medical(path):
        return None
    for name in (str(path), path.name, path.name.split(".", 1)[0]):  # an error of a library may repeat it
        reason = reason.replace(name, "…") if name else reason
    return reason


def _parts(problem: str) -> tuple[Path | None, str]:
    """Return path and reason; no path where it cannot be told from the reason, since it is not there."""
    cuts = [match.start() for match in re.finditer(": ", problem)]
    for cut in cuts:
        path = Path(problem[:cut])
        if _exists(path) or by_suffix(path.name.lower()):
            return path, problem[cut + 2 :]
    return None, problem


def _exists(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def _is_medical(path: Path) -> bool:
    """Tell whether it is, or may be: only what is known to be something else is not."""
    try:
        if path.is_dir():
            return any(_is_medical_file(one) for one in path.iterdir() if one.is_file())
        return _is_medical_file(path)
    except (OSError, ValueError):
        return True


def _is_medical_file(path: Path) -> bool:
    return by_suffix(path.name.lower()) not in _ORDINARY or (path.is_file() and is_dicom(path))
