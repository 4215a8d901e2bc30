"""Intervals: of a figure over whole groups, and of a share.

Items of one source, patient or volume are alike, so an interval comes from whole groups, never from items.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]
Statistic = Callable[[Array, Array], float]

FEW_GROUPS: Final = 10
"""Below so many groups an interval is marked: a percentile bootstrap of few groups is too narrow."""


class UndefinedError(ValueError):
    """A figure that these rows cannot give: one class alone, no rows, or too few groups."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the interval of a bootstrap of `groups` groups; so many repetitions were `undefined`."""

    estimate: float
    low: float
    high: float
    groups: int
    undefined: int
    level: float = 0.95

    @property
    def few_groups(self) -> bool:
        """True where the groups are too few for the interval to be taken at its word."""
        return self.groups < FEW_GROUPS

    def __str__(self) -> str:
        mark = ", few" if self.few_groups else ""
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}] ({self.groups} groups{mark})"


def cluster_bootstrap(
    statistic: Statistic,
    labels: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[Hashable] | NDArray[np.generic],
    *,
    seed: int,
    repetitions: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Return the figure with a percentile interval of resampled whole groups (Davison and Hinkley 1997, 3.8).

    Args:
        statistic: of labels (m,) and scores (m,); it may raise UndefinedError or return NaN.
        labels: (n,).
        scores: (n,), or (n, k) to compare k scorers on the same resamples.
        groups: (n,), what is resampled: a source, patient or volume each.
        seed: of the resamples.
        repetitions: how many resamples.
        level: what the interval is to cover.

    Raises:
        UndefinedError: fewer than two groups, the figure is undefined, or it is for over half of the resamples.
        ValueError: lengths differ.
    """
    estimate = statistic(np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64))
    if np.isnan(estimate):
        raise UndefinedError("the figure is undefined on all rows")
    found = replicates(statistic, labels, scores, groups, seed=seed, repetitions=repetitions)
    low, high = np.quantile(found, ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(estimate), float(low), float(high), len(set(groups)), repetitions - len(found), level)


def replicates(
    statistic: Statistic,
    labels: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[Hashable] | NDArray[np.generic],
    *,
    seed: int,
    repetitions: int,
) -> Array:
    """Return the figure of each resample of whole groups on which it is defined.

    Raises:
        UndefinedError: fewer than two groups, or the figure is undefined for over half of the resamples.
        ValueError: lengths differ.
    """
    truth, values = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if not len(truth) == len(values) == len(groups):
        raise ValueError(f"{len(truth)} labels, {len(values)} scores, {len(groups)} groups")
    members = _members(groups)
    if len(members) < 2:  # noqa: PLR2004 - one group says nothing about another
        raise UndefinedError("an interval needs at least two groups")
    drawn = np.random.default_rng(seed).integers(len(members), size=(repetitions, len(members)))
    rows = (np.concatenate([members[group] for group in chosen]) for chosen in drawn)
    found = np.array([_or_nan(statistic, truth[own], values[own]) for own in rows])
    defined = found[~np.isnan(found)]
    if 2 * len(defined) < repetitions:
        raise UndefinedError("most resamples hold one class alone: too few groups with both")
    return np.asarray(defined)


def wilson(good: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a share, `good` of `count` > 0 (Wilson 1927)."""
    z = float(ndtri((1 + level) / 2))
    share, extra = good / count, z * z / count
    middle = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * float(np.sqrt(share * (1 - share) / count + extra / (4 * count)))
    return max(0.0, middle - half), min(1.0, middle + half)


def _members(groups: Sequence[Hashable] | NDArray[np.generic]) -> list[NDArray[np.int64]]:
    """Return the rows of each group, groups in the order of their text, so that the order of rows changes nothing."""
    rows: dict[Hashable, list[int]] = {}
    for place, group in enumerate(groups):
        rows.setdefault(group, []).append(place)
    return [np.array(rows[group], dtype=np.int64) for group in sorted(rows, key=str)]


def _or_nan(statistic: Statistic, labels: Array, scores: Array) -> float:
    try:
        return statistic(labels, scores)
    except UndefinedError:
        return float("nan")
