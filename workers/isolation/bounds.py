"""What reading a document may cost, and what becomes of one that costs more.

Exception
├── ReadingError: the document is to blame
└── KilledError: somebody ended the child; the document can be read again
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_MEBIBYTE: Final = 1 << 20
_GIBIBYTE: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a document may take.

    Attributes:
        seconds: Wall clock, for the whole document or for each answer (a page's text, say).
        memory: Bytes of address space, beside what the child has anyway. macOS does not hold processes to it; the
            seconds hold there too.
        each_answer: Whether the seconds are for each answer. The memory is for the whole in any case.
    """

    seconds: float
    memory: int
    each_answer: bool = False

    def too_long(self) -> ReadingError:
        """Return the error for a document that took too long."""
        return ReadingError("too_large", f"reading it took more than {self.seconds:g} s")

    def too_much(self) -> ReadingError:
        """Return the error for a document that took too much memory."""
        size = f"{self.memory / _GIBIBYTE:g} GiB" if self.memory >= _GIBIBYTE else f"{self.memory / _MEBIBYTE:g} MiB"
        return ReadingError("too_large", f"reading it took more than {size} of memory")


class ReadingError(Exception):
    """A document that cannot be read within its bounds, or that breaks what reads it."""

    def __init__(self, cause: Literal["too_large", "corrupt"], detail: str) -> None:
        super().__init__(detail)
        self.cause: Final = cause
        self.detail: Final = detail


class KilledError(Exception):
    """A child that ended, and not by its document's fault."""
