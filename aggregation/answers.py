"""The answers of a window, one number an index: a few bytes each, whatever their order."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from schemas import wire

ABSENT, SKIPPED, FAILED = -3.0, -2.0, -1.0  # below every score, in the order in which one answer replaces another
WITHDRAWN = -4.0  # an answer was there, or may still come that does not count; one that counts is awaited
_REACH = 256  # indices that may be passed over before an answer is kept apart
_FAR_CELLS = 16  # of a row, which one that is kept apart takes as much as
_DENSE = _FAR_CELLS  # cells for an answer that a row of them may have
_LEAST_SPARE, _MOST_SPARE = 7, 256  # cells that a row that grows gets in advance: an eighth, within these
MOST_RESERVED = 32  # of them before the first answer, where the count is known
_EMPTY_CELL = array("d", [ABSENT])


def value_of(answer: wire.ItemAnswer) -> float:
    """Return what stands for an answer: its score, 0 where a rule has answered it, or a number below all scores."""
    if type(answer) is wire.ItemScored:
        return answer.score
    if type(answer) is wire.ItemRuled:
        return 0.0
    if type(answer) is wire.ItemWithdrawn:
        return WITHDRAWN
    return FAILED if type(answer) is wire.ItemFailed else SKIPPED


def replaces(new: float, old: float) -> bool:
    """Return whether a further answer for an index takes the place of the one it has.

    A score beats a failure, a failure beats a skip, and of two scores the lower one stays, which is the careful one.
    A total order makes the outcome the same whichever came first.
    """
    return new < old if new >= 0.0 <= old else new > old


class Answers:
    """Scores, failures and skips by place: their index, counted from the window's first one.

    A row of 8-byte cells holds them where they are dense, from whichever place on, with a few empty cells behind them
    for those that come next. Those far from it are kept in a dict until the row is worth extending.
    """

    __slots__ = ("far", "filled", "row", "start")

    def __init__(self, expected: int | None = None) -> None:
        """Make an empty window's; where few answers are expected their cells are there at once."""
        reserved = expected if expected is not None and expected <= MOST_RESERVED else 0
        self.row = _EMPTY_CELL * reserved
        self.start = 0  # place of the row's first cell
        self.far: dict[int, float] | None = None
        self.filled = 0

    @property
    def cells(self) -> int:
        """How much they take, in cells of 8 bytes, about."""
        return len(self.row) + (0 if self.far is None else _FAR_CELLS * len(self.far))

    def get(self, place: int) -> float:
        """Return what a place holds, or ABSENT."""
        if 0 <= place - self.start < len(self.row):
            return self.row[place - self.start]
        return ABSENT if self.far is None else self.far.get(place, ABSENT)

    def put(self, place: int, value: float) -> None:
        """Set a place that is empty."""
        self.filled += 1
        cell, cells = place - self.start, len(self.row)
        room = _DENSE * self.filled + _REACH
        if 0 <= cell < cells:
            self.row[cell] = value
        elif cells <= cell <= cells + _REACH and cell < room:
            self._extend(place + 1 + min(max(_LEAST_SPARE, cells >> 3), _MOST_SPARE))
            self.row[cell] = value
            self._draw_near()
        elif -_REACH <= cell < 0 < cells and cells - cell < room:
            self._extend_below(max(place - cells, self.start - room + cells))
            self.row[place - self.start] = value
        else:
            self._put_far(place, value)

    def replace(self, place: int, value: float) -> None:
        """Set a place that holds something."""
        if 0 <= place - self.start < len(self.row):
            self.row[place - self.start] = value
        elif self.far is not None:
            self.far[place] = value

    def withdraw(self, place: int) -> float:
        """Take the answer of a place away, and mark it; return what it held."""
        old = self.get(place)
        if old == ABSENT:
            self.put(place, WITHDRAWN)
        else:
            self.replace(place, WITHDRAWN)
        self.filled -= old != WITHDRAWN
        return old

    def restore(self, place: int, value: float) -> None:
        """Set a place whose answer was withdrawn."""
        self.filled += 1
        self.replace(place, value)

    def _take_far(self, places: range) -> array[float]:
        """Return cells for some places, with what is kept apart of them, which is so no more."""
        far = self.far
        if far is None:
            return array("d", [ABSENT]) * len(places)
        cells = array("d", [far.pop(place, ABSENT) for place in places])
        self.far = far or None
        return cells

    def _extend(self, stop: int) -> None:
        self.row.extend(self._take_far(range(self.start + len(self.row), stop)))

    def _extend_below(self, start: int) -> None:
        self.row = self._take_far(range(start, self.start)) + self.row
        self.start = start

    def _draw_near(self) -> None:
        """Move what follows the row into it."""
        end = self.start + len(self.row)
        while self.far is not None and end in self.far:
            self._extend(end := end + 1)

    def _put_far(self, place: int, value: float) -> None:
        if self.far is None:
            self.far = {}
        far = self.far
        far[place] = value
        if len(far) >= _REACH and len(far) & (len(far) - 1) == 0:  # looked at as often as a dict doubles
            self._gather(far)

    def _gather(self, far: dict[int, float]) -> None:
        """Move what is kept apart into the row, as far as it nearly fills it."""
        held, end = self.filled - len(far), self.start + len(self.row)
        above = sorted(place for place in far if place >= end)
        dense = [place for n, place in enumerate(above, 1) if place - self.start < _DENSE * (held + n)]
        if dense:
            self._extend(dense[-1] + 1)
        held, end = self.filled - len(self.far or ()), self.start + len(self.row)
        below = sorted((place for place in self.far or () if place < self.start), reverse=True)
        dense = [place for n, place in enumerate(below, 1) if end - place <= _DENSE * (held + n)]
        if dense:
            self._extend_below(dense[-1])

    def ordered(self) -> list[float]:
        """Return all values in order, those that are no scores first."""
        return sorted(self.row) if self.far is None else sorted([*self.row, *self.far.values()])

    def highest(self) -> int:
        """Return the highest place that an answer is known of, or -1."""
        place = len(self.row) - 1
        while place >= 0 and self.row[place] == ABSENT:
            place -= 1
        last = -1 if place < 0 else self.start + place
        highest: int = max(last, *self.far) if self.far else last
        return highest

    def lowest(self) -> int:
        """Return the lowest place that an answer is known of; there is one."""
        first = next((place for place, value in enumerate(self.row, self.start) if value != ABSENT), None)
        places: list[int] = [*(self.far or ()), *([] if first is None else [first])]
        return min(places)

    def items(self) -> Iterator[tuple[int, float]]:
        """Yield each place that an answer is known of, with its value."""
        yield from ((place, value) for place, value in enumerate(self.row, self.start) if value != ABSENT)
        if self.far is not None:
            yield from self.far.items()
