"""Errors of heads.

::

    HeadError                    a head cannot be read, or its files contradict each other
    ├── HeadMismatchError        it was made for another encoder or other metrics than are here
    └── NonFiniteError           an input or a score is NaN or infinite
"""

from __future__ import annotations

from collections.abc import Sequence


class HeadError(Exception):
    """A head cannot be used."""


class HeadMismatchError(HeadError):
    """The head was trained on other features than it would be given."""


class NonFiniteError(HeadError):
    """Some rows hold NaN or infinity; `rows` says which. They have no score, and must not get a decision."""

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__(f"not finite in rows {', '.join(map(str, rows))}")
        self.rows = tuple(rows)
