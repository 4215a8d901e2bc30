"""How often decisions are wrong as a function of a metric: bins of equally many rows, each with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.slices.estimates import Array, Estimate, Flags, share
from workers.slices.outcomes import RATES, Cases
from workers.slices.relations import Relation, relations

BINS: Final = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of like value: the least, the mean and the greatest value of all of them, and the rate."""

    low: float
    middle: float
    high: float
    count: int
    rate: Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """A rate as a function of a metric, by rising value; `missing` rows lack the metric."""

    name: str
    rate: str
    bins: tuple[Bin, ...]
    trend: Relation
    missing: int


def curve(
    name: str,
    values: Array,
    cases: Cases,
    rate: str,
    *,
    places: NDArray[np.int64] | None = None,
    level: float = 0.95,
    alpha: float = 0.05,
    seed: int = 0,
) -> Curve:
    """Return a rate as a function of values (n,), where NaN is missing.

    The trend is that of the rows themselves and not of the bins: Spearman's correlation with errors, and its
    permutation test. For rows of several kinds ask once for each kind.

    Args:
        name: of the metric.
        values: (n,).
        cases: (n,).
        rate: one of `RATES`.
        places: the bin of each row, (n,); None: five bins of about equal weight.
        level: of the intervals.
        alpha: of the test of the trend.
        seed: of resamples and permutations.

    Raises:
        KeyError: there is no such rate.
    """
    one = RATES[rate]
    among = one.among(cases)
    hits = one.hits(cases)
    there = ~np.isnan(values)
    places = binned(values, cases.weights) if places is None else places
    found = []
    for place in np.unique(places[there]):
        rows = there & (places == place)
        own = cases.at(rows & among)
        figure = share(hits[rows & among], own.weights, own.groups, heaviest=own.heaviest, level=level, seed=seed)
        inside = values[rows]
        found.append(Bin(float(inside.min()), float(inside.mean()), float(inside.max()), int(rows.sum()), figure))
    asked = cases.at(among)
    (trend,) = relations(
        {name: values[among]}, hits[among], weights=asked.weights, groups=asked.groups, alpha=alpha, seed=seed
    )
    return Curve(name, rate, tuple(found), trend, int((~there).sum()))


def binned(values: Array, weights: Array | None = None, bins: int = BINS) -> NDArray[np.int64]:
    """Return the bin of each value (n,), -1 where it is NaN: of about equal weight, and equal values share one."""
    found = np.full(len(values), -1, np.int64)
    there: Flags = ~np.isnan(values)
    if there.any():
        _, place = np.unique(values[there], return_inverse=True)
        mass = np.bincount(place, weights=None if weights is None else weights[there]).astype(np.float64)
        middle = (mass.cumsum() - mass / 2.0) / mass.sum()
        found[there] = np.minimum(np.floor(np.round(middle * bins, 9)).astype(np.int64), bins - 1)[place]
    return found
