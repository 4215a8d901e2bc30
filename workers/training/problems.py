"""What can be wrong with labels, for the person who wrote them: each problem with the line it is on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_SHOWN = 10


class LabelsError(Exception):
    """Labels that nothing can be trained on. Its text says what to do."""

    def __init__(self, problem: str, places: Sequence[str] = ()) -> None:
        """Tell a problem, and the places where it is; the first ten are shown."""
        more = [f"... and {len(places) - _SHOWN} more"] if len(places) > _SHOWN else []
        super().__init__("\n  ".join([problem, *places[:_SHOWN], *more]))


@dataclass(slots=True)
class Warnings:
    """What a person should know, and what does not stop the training: warnings, and notes of what was found."""

    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, text: str, places: Iterable[str] = ()) -> None:
        """Take a warning, with the places where it is."""
        self.texts.append(str(LabelsError(text, list(places))))
