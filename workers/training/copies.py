"""Groups: what may not be torn apart between what is trained on and what is judged on.

Rows of one group name, of one file or of one content belong together, and so do near-copies: items whose embeddings,
standardised over all of them, have a cosine above 0.98. That finds an item that was saved again or slightly cropped. It
does not find one that was much damaged since: such copies need a group of their own name in the labels.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.training.labels import LabelRow

NEAR = 0.98
WORDS = f"group names, files, equal contents, and near-copies: cosine of standardised embeddings above {NEAR}"
_BLOCK = 1024
_TINY = 1e-6


class Together:
    """Sets that grow together: union-find with path halving (Tarjan and van Leeuwen 1984)."""

    def __init__(self, count: int) -> None:
        """Begin with `count` sets of one."""
        self._above = list(range(count))

    def root(self, place: int) -> int:
        """Return the smallest member of a set."""
        while self._above[place] != place:
            self._above[place] = self._above[self._above[place]]
            place = self._above[place]
        return place

    def join(self, first: int, second: int) -> None:
        """Make the sets of two members one."""
        low, high = sorted((self.root(first), self.root(second)))
        self._above[high] = low


def near_copies(embeddings: NDArray[np.float32]) -> list[tuple[int, int, float]]:
    """Return the pairs (i, j, cosine) of near-copies among embeddings (n, d), i < j."""
    values = embeddings.astype(np.float64)
    values = (values - values.mean(axis=0)) / (values.std(axis=0) + _TINY)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    values = (values / np.maximum(lengths, _TINY)).astype(np.float32)
    found: list[tuple[int, int, float]] = []
    for start in range(0, len(values), _BLOCK):
        cosines = values[start : start + _BLOCK] @ values.T
        rows, columns = np.nonzero(cosines > NEAR)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if row + start < column:
                found.append((row + start, column, float(cosines[row, column])))
    return found


def groups_of(rows: Sequence[Sequence[LabelRow]], pairs: Sequence[tuple[int, int, float]]) -> tuple[str, ...]:
    """Return the group of each item, by the rows that each item has and the pairs that are near-copies.

    A group is called after the first of its members that has a group's name, or else after its first member.
    """
    together, owner = Together(len(rows)), dict[Hashable, int]()
    for place, own in enumerate(rows):
        for mark in _marks(own):
            together.join(owner.setdefault(mark, place), place)
    for first, second, _ in pairs:
        together.join(first, second)
    roots = [together.root(place) for place in range(len(rows))]
    names: dict[int, str] = {}
    for place in sorted(range(len(rows)), key=lambda place: (_named(rows[place]) is None, place)):
        names.setdefault(roots[place], _named(rows[place]) or rows[place][0].name)
    return tuple(names[root] for root in roots)


def _marks(rows: Sequence[LabelRow]) -> Iterator[Hashable]:
    for row in rows:
        yield ("file", row.path.absolute())
        if row.group is not None:
            yield ("group", row.group)


def _named(rows: Sequence[LabelRow]) -> str | None:
    return next((row.group for row in rows if row.group is not None), None)
