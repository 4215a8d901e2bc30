"""How well scores tell good parents from bad ones: the area under the curve, with its interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from workers.slices.estimates import Array, Estimate, Flags, Groups, joined, members, resampled, worth

_RESAMPLES: Final = 1_000
_EDGE: Final = 1e-9
_TWO: Final = 2  # groups are the least that can be resampled


def area(
    scores: Array,
    bad: Flags,
    weights: Array | None = None,
    groups: Groups | None = None,
    *,
    heaviest: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return P(a good row scores above a bad one) + P(tie) / 2.

    The interval is Newcombe's (2006, method 5), for as many rows of each class as their weights are worth (`worth`), or
    the percentile bootstrap of whole groups. `count` is that of the rarer class. One class alone: no value.

    Args:
        scores: (n,), finite.
        bad: (n,).
        weights: (n,), 1 over the probability with which a row was drawn.
        groups: (n,), what rows of are not independent.
        heaviest: the largest weight of all rows that could have been drawn; None: that of these.
        level: what the interval is to cover.
        seed: of the resamples.
    """
    weight = np.ones(len(scores)) if weights is None else weights
    rarer = int(min(bad.sum(), (~bad).sum()))
    if not rarer:
        return Estimate(None, 0.0, 1.0, 0)
    _, place = np.unique(scores, return_inverse=True)
    value = _area(place, weight * ~bad, weight * bad)
    size = len(np.unique(np.asarray(groups))) if groups is not None and joined(groups) else 0
    top = max(float(weight.max()), heaviest or 0.0)
    alone = newcombe(value, worth(weight[~bad], top), worth(weight[bad], top), level)
    if groups is None or size < _TWO:
        return Estimate(value, *alone, rarer, groups=size, method="newcombe")
    low, high = _over_groups(place, (weight * ~bad, weight * bad), groups, level, seed)
    if top > float(weight.min()):  # heavy rows are few, and a resample knows none but those that were drawn
        low, high = min(low, alone[0]), max(high, alone[1])
    if high - low < _EDGE:  # all resamples agree: groups with each class count as rows
        names = np.asarray(groups)
        low, high = newcombe(value, len(np.unique(names[~bad])), len(np.unique(names[bad])), level)
    return Estimate(value, low, high, rarer, groups=size, method="groups")


def newcombe(value: float, good: float, bad: float, level: float = 0.95) -> tuple[float, float]:
    """Return a score interval of an area from so many rows of each class (Newcombe 2006, method 5).

    Hanley and McNeil's variance at t, with both class sizes less one put equal to their mean less one:
    t (1 - t) / (m n) * (1 + N (1 - t) / (2 - t) + N t / (1 + t)), N = (m + n) / 2 - 1.
    """
    z = float(ndtri((1.0 + level) / 2.0))
    spare = max(0.0, (good + bad) / 2.0 - 1.0)

    def excess(t: float) -> float:
        variance = t * (1 - t) / (good * bad) * (1 + spare * ((1 - t) / (2 - t) + t / (1 + t)))
        return float((value - t) ** 2 - z * z * variance)

    low = 0.0 if value <= 0.0 else _root(excess, _EDGE, min(value, 1.0 - _EDGE))
    high = 1.0 if value >= 1.0 else _root(excess, max(value, _EDGE), 1.0 - _EDGE)
    return low, high


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    ends = excess(low), excess(high)
    if ends[0] * ends[1] > 0.0:
        return low if abs(ends[0]) < abs(ends[1]) else high
    return float(brentq(excess, low, high))


def _area(place: NDArray[np.intp], good: Array, bad: Array) -> float:
    top = int(place.max()) + 1
    above, below = np.bincount(place, weights=good, minlength=top), np.bincount(place, weights=bad, minlength=top)
    beaten = np.cumsum(below) - below / 2.0  # bad weight below each score, and half of what ties
    return float(above @ beaten / (above.sum() * below.sum()))


def _over_groups(
    place: NDArray[np.intp], classes: tuple[Array, Array], groups: Groups, level: float, seed: int
) -> tuple[float, float]:
    size, group = members(groups)
    found = []
    for drawn in (one for block in resampled(size, seed, _RESAMPLES) for one in block):
        times = np.bincount(drawn, minlength=size)[group]
        good, bad = (times * own for own in classes)
        if good.any() and bad.any():
            found.append(_area(place, good, bad))
    if len(found) * 2 < _RESAMPLES:
        return 0.0, 1.0  # most resamples hold one class alone
    low, high = np.quantile(found, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return float(low), float(high)
