"""What is wrong with a policy document, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Mark(NamedTuple):
    """A place in a text; the first line and the first column are 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        mark: of the key or value that it is about.
        place: as people write it, such as `rules[0].thresholds.high`; empty for the whole document.
        text: what is wrong, and what would be right.
    """

    mark: Mark
    place: str
    text: str

    def __str__(self) -> str:
        """Return it with its place, in printable characters alone."""
        where = f"{self.place}: " if self.place else ""
        return printable(f"{self.mark.line}:{self.mark.column}: {where}{self.text}")


class DocumentError(Exception):
    """A text is no policy: every problem that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def place_of(location: Sequence[str | int]) -> str:
    """Return a place as people write it: rules[0].thresholds.high."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def printable(text: str) -> str:
    """Return a text in which nothing steers a terminal."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
