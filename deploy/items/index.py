"""What memory holds of the rows that were kept: a few numbers each, by row number."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.items.fields import Value
from deploy.items.figures import Values
from deploy.items.record import Item

Rows = NDArray[np.intp]
"""Row numbers, (n,)."""

Place = tuple[int, int]
"""Partition and offset."""

_NOWHERE: Final = (-1, -1)
_OFFSETS: Final = 1 << 44  # of one partition, where a place becomes one number


class Index:
    """Where rows lie on their topics, their kind, and the values of some names; NaN where one is missing."""

    def __init__(self, names: Sequence[str]) -> None:
        """Begin without rows."""
        self._groups: dict[str, int] = {}
        self._group = array("q")
        self._values = {name: array("d") for name in names}
        self._kinds: dict[str, int] = {}
        self._kind = array("i")
        self._scores = (array("i"), array("q"))  # partition and offset
        self._items = (array("i"), array("q"))

    def add(self, item: Item, values: Sequence[Value], group: str = "") -> None:
        """Take the next row, with a value for each name, and the group of which some are to be shown."""
        self._group.append(self._groups.setdefault(group, len(self._groups)))
        for column, value in zip(self._values.values(), values, strict=True):
            column.append(float(value) if isinstance(value, int | float) else math.nan)
        self._kind.append(self._kinds.setdefault(item.kind, len(self._kinds)))
        self._scores[0].append(item.partition)
        self._scores[1].append(item.offset)
        place = _NOWHERE if item.at is None else item.at
        self._items[0].append(place[0])
        self._items[1].append(place[1])

    @property
    def rows(self) -> Rows:
        """All row numbers."""
        return np.arange(len(self._kind))

    def values(self, name: str) -> Values:
        """Return the values of a name, (rows,), NaN where one is missing."""
        return np.frombuffer(self._values[name], np.float64)

    def standing(self, last: Mapping[Place, int]) -> Rows:
        """Return the rows that stand: those of items that are not in `last`, and the rows that it names."""
        if not last:
            return self.rows
        keys = np.frombuffer(self._items[0], np.int32).astype(np.int64) * _OFFSETS
        keys += np.frombuffer(self._items[1], np.int64)
        named = np.array([partition * _OFFSETS + offset for partition, offset in last], np.int64)
        by_key = np.argsort(named)
        at = np.minimum(np.searchsorted(named, keys, sorter=by_key), len(named) - 1)
        answered_again = named[by_key][at] == keys
        rows = np.array(list(last.values()), np.int64)[by_key][at]
        return np.flatnonzero(~answered_again | (rows == self.rows))

    def by_kind(self, rows: Rows) -> dict[str, Rows]:
        """Return those of some rows that are of each kind."""
        codes = np.frombuffer(self._kind, np.int32)[rows]
        found = {kind: rows[codes == code] for kind, code in sorted(self._kinds.items())}
        return {kind: own for kind, own in found.items() if len(own)}

    def counts(self, rows: Rows) -> Counter[str]:
        """Return how many of some rows are of each kind."""
        return Counter({kind: len(own) for kind, own in self.by_kind(rows).items()})

    def ordered(self, rows: Rows, name: str | None, *, descending: bool) -> Rows:
        """Return rows by the values of a name, missing ones last; equal ones, or all, as they lie on `scores`."""
        partition = np.frombuffer(self._scores[0], np.int32)[rows]
        offset = np.frombuffer(self._scores[1], np.int64)[rows]
        if name is None:
            return rows[np.lexsort((offset, partition))]
        values = self.values(name)[rows]
        return rows[np.lexsort((offset, partition, -values if descending else values))]

    def first(self, rows: Rows, most: int) -> Rows:
        """Return the first so many of each group of rows in order, group by group as they first come."""
        codes = np.frombuffer(self._group, np.int64)[rows]
        _, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
        together = np.argsort(firsts[inverse], kind="stable")
        begins = firsts[inverse][together]
        starts = np.flatnonzero(np.diff(begins, prepend=-1))
        ranks = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
        return rows[together[ranks < most]]
