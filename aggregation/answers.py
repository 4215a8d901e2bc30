"""The answers of a window, one number an index: a few bytes each, whatever their order."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

ABSENT, SKIPPED, FAILED = -3.0, -2.0, -1.0  # below every score, in the order in which one answer replaces another
_REACH = 256  # indices that may be passed over before an answer is kept apart
_DENSE = 4  # as many cells for an answer are worth having a row of them


def replaces(new: float, old: float) -> bool:
    """Return whether a further answer for an index takes the place of the one it has.

    A score beats a failure, a failure beats a skip, and of two scores the lower one stays, which is the careful one.
    A total order makes the outcome the same whichever came first.
    """
    return new < old if new >= 0.0 <= old else new > old


class Answers:
    """Scores, failures and skips by index, counted from the window's first one.

    A row of 8-byte cells holds them as long as they come more or less in order; those far ahead of it, and those before
    the first index, are kept in a dict until the row is worth extending.
    """

    __slots__ = ("far", "filled", "row")

    def __init__(self) -> None:
        """Make an empty window's."""
        self.row = array("d")
        self.far: dict[int, float] | None = None
        self.filled = 0

    def get(self, place: int) -> float:
        """Return what a place holds, or ABSENT."""
        if 0 <= place < len(self.row):
            return self.row[place]
        return ABSENT if self.far is None else self.far.get(place, ABSENT)

    def put(self, place: int, value: float) -> None:
        """Set a place that is empty."""
        self.filled += 1
        row = self.row
        if 0 <= place < len(row):
            row[place] = value
        elif self.far is None and 0 <= place <= len(row) + _REACH:
            row.extend([ABSENT] * (place - len(row)))
            row.append(value)
        else:
            self._put_far(place, value)

    def extend(self, values: list[float]) -> None:
        """Append values to the row; nothing is kept apart."""
        self.row.extend(values)
        self.filled += len(values)

    def replace(self, place: int, value: float) -> None:
        """Set a place that holds something."""
        if 0 <= place < len(self.row):
            self.row[place] = value
        elif self.far is not None:
            self.far[place] = value

    def _put_far(self, place: int, value: float) -> None:
        if self.far is None:
            self.far = {}
        far = self.far
        far[place] = value
        if len(far) >= _REACH and len(far) & (len(far) - 1) == 0:  # looked at as often as a dict doubles
            self._gather(far)

    def _gather(self, far: dict[int, float]) -> None:
        """Move what is kept apart into the row where it nearly fills it."""
        length = max(far) + 1
        if min(far) < 0 or length > _DENSE * self.filled:
            return
        self.row.extend([ABSENT] * (length - len(self.row)))
        for place, value in far.items():
            self.row[place] = value
        self.far = None

    def ordered(self) -> list[float]:
        """Return all values in order, ABSENT, SKIPPED and FAILED ones first."""
        return sorted(self.row) if self.far is None else sorted([*self.row, *self.far.values()])

    def highest(self) -> int:
        """Return the highest place that is filled, or -1."""
        last = len(self.row) - 1  # the last cell of the row is always filled
        highest: int = max(last, *self.far) if self.far else last
        return highest

    def lowest(self) -> int:
        """Return the lowest place that is filled; there is one."""
        first = next((place for place, value in enumerate(self.row) if value != ABSENT), None)
        places: list[int] = [*(self.far or ()), *([] if first is None else [first])]
        return min(places)

    def items(self) -> Iterator[tuple[int, float]]:
        """Yield each filled place with its value."""
        yield from ((place, value) for place, value in enumerate(self.row) if value != ABSENT)
        if self.far is not None:
            yield from self.far.items()
