"""From items that come one at a time to a selection in order. Memory holds some numbers an item, a file the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from deploy.items.fields import canonical, field
from deploy.items.figures import Fences, Figures, fences_of, figures_of
from deploy.items.index import Index, Place, Rows
from deploy.items.query import Query
from deploy.items.record import UNDECIDED, Decided, Decisions, Item
from deploy.items.seen import Seen
from deploy.items.spool import Spool

_GONE: Final = -1  # the last answer of an item does not fit


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for. Figures are of all items that match, of which `most` may show a few.

    Attributes:
        query: what was asked.
        decisions: of parents.
        order: row numbers of the spool, in order.
        read: items that were read, whether they match or not.
        matched: items that match.
        repeated: earlier answers of items that were answered again; they count for nothing.
        kinds: items that match, by kind.
        figures: of the score, and of what was asked for, where any item has it.
        lacking: how many lack what was asked for, by name.
        fences: of each kind with values enough.
        unfenced: kinds with too few values for that.
        metrics: names of all metrics that items have which fit, sorted.
    """

    query: Query
    decisions: Decisions
    order: Rows
    read: int
    matched: int
    repeated: int
    kinds: Counter[str]
    figures: Sequence[Figures]
    lacking: Mapping[str, int]
    fences: Sequence[Fences]
    unfenced: Sequence[str]
    metrics: tuple[str, ...]
    spool: Spool

    def __len__(self) -> int:
        """Return how many rows it has."""
        return len(self.order)

    def rows(self, most: int | None = None) -> Iterator[tuple[Item, Decided | None]]:
        """Yield its rows in order, or the first of them, each with its parent's decision."""
        for item in self.spool.rows(int(number) for number in self.order[:most]):
            yield item, self.decisions.get(item.parent_id)


class Selector:
    """Takes items, keeps those that are asked for, and makes the selection.

    An item that was answered more than once, as after a worker's loss, has one row: the last answer's. If that does not
    fit the query, the item is not in the selection, whatever was answered before.
    """

    def __init__(self, query: Query, spool: Spool, decisions: Decisions = UNDECIDED) -> None:
        """Begin without items."""
        self._query, self._spool, self._decisions = query, spool, decisions
        self._names = ("score", *query.asked)
        self._fields = [field(name) for name in self._names]
        self._index = Index(self._names)
        self._taken = self._repeated = 0
        self._seen = Seen()
        self._again: dict[Place, int] = {}  # the last row of an item that was answered again
        self._shapes: set[tuple[str, ...]] = set()  # which metrics items have
        self._chosen: set[tuple[str, ...]] = set()  # the same of those that fit

    def take(self, item: Item) -> None:
        """Take an item; it is kept where it fits.

        Raises:
            SpoolError: there is no room for it.
        """
        shape = tuple(item.metrics)
        self._shapes.add(shape)
        decided = self._decisions.get(item.parent_id)
        fits = self._query.fits(item, decided)
        self._taken += 1
        if item.at is not None and self._seen.add(*item.at):
            self._repeated += 1
            self._again[item.at] = len(self._spool) if fits else _GONE
        if fits:
            self._chosen.add(shape)
            self._index.add(item, [one.get(item, decided) for one in self._fields], self._query.group(item))
            self._spool.add(item)

    def selection(self) -> Selection:
        """Return what is asked for, of all items taken.

        Raises:
            ConfigurationError: the query names a metric that no item has.
        """
        if self._shapes:
            self._query.check(_names(self._shapes))
        fitting = rows = self._index.standing(self._again)
        fences: list[Fences] = []
        if self._query.outliers is not None:
            rows, fences = self._outside(rows, canonical(self._query.outliers))
        order = self._query.order
        ordered = self._index.ordered(rows, order and canonical(order), descending=self._query.descending)
        values = {name: self._index.values(name)[rows] for name in self._names}
        lacking = {name: int(np.isnan(own).sum()) for name, own in values.items()}
        figures = [figures_of(name, own) for name, own in values.items()]
        return Selection(
            query=self._query,
            decisions=self._decisions,
            order=ordered if self._query.most is None else self._index.first(ordered, self._query.most),
            read=self._taken - self._repeated,
            matched=len(rows),
            repeated=self._repeated,
            kinds=self._index.counts(rows),
            figures=[one for one in figures if one is not None],
            lacking={name: count for name, count in lacking.items() if count},
            fences=fences,
            unfenced=self._unfenced(fitting, fences),
            metrics=tuple(sorted(_names(self._chosen))),
            spool=self._spool,
        )

    def _outside(self, rows: Rows, name: str) -> tuple[Rows, list[Fences]]:
        """Return the rows outside of the fences of their kind; a metric of two kinds is seldom the same thing."""
        values = self._index.values(name)
        fences, outside = [], [rows[:0]]
        for kind, own in self._index.by_kind(rows).items():
            found = fences_of(kind, values[own], self._query.reach)
            if found is not None:
                fences.append(found)
                outside.append(own[(values[own] < found.low) | (values[own] > found.high)])
        return np.concatenate(outside), fences

    def _unfenced(self, rows: Rows, fences: Sequence[Fences]) -> list[str]:
        if self._query.outliers is None:
            return []
        return sorted(set(self._index.by_kind(rows)) - {one.kind for one in fences})


def _names(shapes: set[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(name for shape in shapes for name in shape)
