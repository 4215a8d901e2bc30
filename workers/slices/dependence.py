"""Rank sums and mutual information of many metrics with errors, for the errors as they are and for permuted ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from workers.slices.estimates import Array, Flags

Kinds = NDArray[np.intp]
"""The number of each row's stratum, (n,)."""

_LEAST_BINS, _MOST_BINS, _A_BIN = 2, 8, 5
_MOST_CELLS: Final = 4_000_000  # of one block of permutations, in memory
_CONSTANT: Final = 1e-9  # ranks that differ by less differ by rounding


@dataclass(frozen=True, slots=True)
class Rows:
    """Errors (n,), and the stratum and weight of each row."""

    wrong: Flags
    kinds: Kinds
    mass: Array

    def at(self, rows: Flags | NDArray[np.intp]) -> Rows:
        """Return some of the rows."""
        return Rows(self.wrong[rows], self.kinds[rows], self.mass[rows])

    @property
    def mixed(self) -> bool:
        """Whether some rows are errors and some are not."""
        return bool(self.wrong.any() and not self.wrong.all())


@dataclass(frozen=True, slots=True)
class Column:
    """A metric within strata: centred ranks (n,), 0 where missing; for each row that has it, the cell of its bin."""

    name: str
    there: Flags
    ranks: Array
    cells: NDArray[np.intp]
    bins: int
    strata: int


def columns(metrics: Mapping[str, Array], rows: Rows) -> list[Column]:
    """Return the metrics that are not constant within every stratum."""
    found = [_column(name, values, rows) for name, values in metrics.items()] if len(rows.wrong) else []
    return [one for one in found if np.abs(one.ranks).max(initial=0.0) > _CONSTANT]


def _column(name: str, values: Array, rows: Rows) -> Column:
    there = ~np.isnan(values)
    kinds, mass = rows.kinds[there], rows.mass[there]
    ranks = _mid_ranks(values[there], kinds, mass)
    bins = int(np.clip(np.sqrt(len(ranks) / _A_BIN), _LEAST_BINS, _MOST_BINS))
    centred = np.zeros(len(values))
    centred[there] = ranks - _means(ranks, kinds, mass)
    cells = kinds * bins + np.minimum((ranks * bins).astype(np.intp), bins - 1)
    return Column(name, there, centred, cells, bins, int(rows.kinds.max()) + 1)


def _mid_ranks(values: Array, kinds: Kinds, mass: Array) -> Array:
    """Return where the middle of each value's weight lies in all weight of its stratum, in (0,1)."""
    found = np.zeros(len(values))
    for kind in np.unique(kinds):
        own = kinds == kind
        _, place = np.unique(values[own], return_inverse=True)
        weight = np.bincount(place, weights=mass[own])
        found[own] = ((weight.cumsum() - weight / 2.0) / weight.sum())[place]
    return found


def _means(values: Array, kinds: Kinds, mass: Array) -> Array:
    """Return the mean of each row's stratum, (n,)."""
    return (np.bincount(kinds, weights=mass * values) / np.maximum(np.bincount(kinds, weights=mass), 1e-300))[kinds]


def correlation(column: Column, rows: Rows) -> float:
    """Return Spearman's correlation of a metric with errors, within strata."""
    own = rows.at(column.there)
    ranks, off = column.ranks[column.there], own.wrong - _means(own.wrong.astype(np.float64), own.kinds, own.mass)
    spread = float(np.sqrt((own.mass @ ranks**2) * (own.mass @ off**2)))
    return float(np.clip((own.mass * ranks) @ off / spread, -1.0, 1.0)) if spread > 0.0 else 0.0


def information(column: Column, wrong: Array, mass: Array) -> Array:
    """Return the information in bits, (k,), between a metric and errors (k, n) of weights (n,), within strata."""
    size = column.bins * column.strata
    shown = np.zeros((len(column.cells), size))
    shown[np.arange(len(shown)), column.cells] = mass[column.there]
    full = wrong[:, column.there] @ shown, shown.sum(axis=0)
    whole = [one.reshape(*one.shape[:-1], column.strata, column.bins).sum(axis=-1) for one in full]
    gained = _entropies(*whole).sum(axis=-1) - _entropies(*full).sum(axis=-1)
    return np.asarray(np.maximum(0.0, gained) / (full[1].sum() * np.log(2.0)))


def by_chance(column: Column, rows: Rows) -> float:
    """Return the information in bits that so many cells show where there is none (Miller 1955)."""
    own = rows.at(column.there)
    worth = float(own.mass.sum() ** 2 / (own.mass @ own.mass))
    return float((len(np.unique(column.cells)) - len(np.unique(own.kinds))) / (2.0 * worth * np.log(2.0)))


def _entropies(wrong: Array, total: Array) -> Array:
    """Return the binary entropy of each cell in nats, times its weight."""
    right = np.maximum(total - wrong, 0.0)
    return np.asarray(xlogy(total, total) - xlogy(wrong, wrong) - xlogy(right, right))


def beaten(found: list[Column], rows: Rows, count: int, seed: int) -> tuple[Array, Array]:
    """Return the corrected p-values (m,) of trends and of informations, by so many permutations within strata."""
    random = np.random.default_rng(seed)
    ranks = np.stack([one.ranks for one in found], axis=1)
    trends, informations = [], []
    for wrong in _blocks(rows, count, random):
        trends.append(np.abs(wrong @ ranks))
        informations.append(np.stack([information(one, wrong, rows.mass) for one in found], axis=1))
    return _corrected(np.concatenate(trends), center=False), _corrected(np.concatenate(informations), center=True)


def _corrected(figures: Array, *, center: bool) -> Array:
    """Return p-values (m,) of the first row of figures (1 + k, m) beside the largest of each other, standardised."""
    drawn = figures[1:]
    spread = drawn.std(axis=0)
    middle = drawn.mean(axis=0) if center else 0.0
    standard = (figures - middle) / np.where(spread > 0.0, spread, np.inf)
    best = standard[1:].max(axis=1)
    return np.asarray((1.0 + (best[:, None] >= standard[0] - _CONSTANT).sum(axis=0)) / (1.0 + len(drawn)))


def _blocks(rows: Rows, count: int, random: np.random.Generator) -> Iterator[Array]:
    """Yield errors (k, n): first those that are, then those permuted within strata."""
    wrong = rows.wrong.astype(np.float64)
    yield wrong[None, :]
    places = [np.flatnonzero(rows.kinds == kind) for kind in np.unique(rows.kinds)]
    block = max(1, min(count, _MOST_CELLS // len(wrong)))
    for done in range(0, count, block):
        size = min(block, count - done)
        drawn = np.empty((size, len(wrong)))
        for own in places:
            drawn[:, own] = random.permuted(np.tile(wrong[own], (size, 1)), axis=1)
        yield drawn
