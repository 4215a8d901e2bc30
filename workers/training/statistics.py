"""What scores are worth against binary labels (1: good), and how sure that is.

Every function is pure and independent of the order of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workers.training.intervals import FEW_GROUPS, Array, Interval, Statistic, UndefinedError, cluster_bootstrap, wilson

Bins = Literal["mass", "width"]

__all__ = [
    "BINS",
    "FEW_GROUPS",
    "Bin",
    "Bins",
    "Cut",
    "Interval",
    "Statistic",
    "UndefinedError",
    "auc",
    "cluster_bootstrap",
    "confusion",
    "ece",
    "ece_by_chance",
    "prevalence_weighted",
    "prevalence_weights",
    "reliability",
    "roc",
    "wilson",
]

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Items of like score: how many, their mean score, and the share that is good with its Wilson interval.

    `low` and `high` are the least and the greatest score in it; `weight` is its share of all weight.
    """

    low: float
    high: float
    count: int
    weight: float
    score: float
    good: float
    good_low: float
    good_high: float


@dataclass(frozen=True, slots=True)
class Cut:
    """What accepting from `threshold` on does: counts of good and bad items on either side."""

    threshold: float
    good_accepted: int
    bad_accepted: int
    good_refused: int
    bad_refused: int


def auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the area under the ROC curve: P(good scores above bad) + P(tie)/2 (Hanley and McNeil 1982).

    Args:
        labels: (n,), 1 for good and 0 for bad.
        scores: (n,), finite; their order alone counts.
        weights: (n,), above 0. Weights by class alone change nothing: the area knows no prevalence.

    Raises:
        UndefinedError: one class alone.
        ValueError: shapes differ, a label is not 0 or 1, or a number is not finite.
    """
    false, true = roc(labels, scores, weights)
    return float(np.trapezoid(true, false))


def roc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> tuple[Array, Array]:
    """Return (shares of bad accepted, shares of good accepted) at each distinct score, from none to all accepted.

    Raises:
        UndefinedError: one class alone.
        ValueError: as for `auc`.
    """
    truth, values, weight = _checked(labels, scores, weights)
    _, place = np.unique(values, return_inverse=True)
    good = np.bincount(place, weights=weight * truth)[::-1].cumsum()
    bad = np.bincount(place, weights=weight * (1.0 - truth))[::-1].cumsum()
    if not truth.any() or truth.all():
        raise UndefinedError("all labels are of one class")
    return np.concatenate([[0.0], bad / bad[-1]]), np.concatenate([[0.0], good / good[-1]])


def reliability(
    labels: ArrayLike,
    scores: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = BINS,
    kind: Bins = "mass",
    level: float = 0.95,
) -> tuple[Bin, ...]:
    """Return the bins of a reliability diagram that hold items, by rising score.

    "mass" bins hold about equal weight, and equal scores always share a bin; "width" bins are equal parts of [0,1].
    The intervals are Wilson's (1927), for as many independent items as the weights are worth (Kish): items of one
    group are not independent, so that the true ones are wider.

    Raises:
        ValueError: as for `auc`, or a score outside of [0,1].
    """
    truth, values, weight = _checked(labels, scores, weights)
    places = _places(values, weight, bins, kind)
    chosen = (places == place for place in np.unique(places))
    return tuple(_bin(truth[own], values[own], weight[own], float(weight.sum()), level) for own in chosen)


def ece(
    labels: ArrayLike,
    scores: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = BINS,
    kind: Bins = "mass",
) -> float:
    """Return the expected calibration error: the mean distance of score and share of good (Naeini et al. 2015).

    The plug-in value over the bins of `reliability`, NOT debiased: it is above 0 even for perfect calibration, by about
    what `ece_by_chance` says, and it does not see errors that cancel within a bin.

    Raises:
        ValueError: as for `reliability`.
    """
    truth, values, weight = _checked(labels, scores, weights)
    gaps = np.bincount(_places(values, weight, bins, kind), weights=weight * (values - truth))
    return float(np.abs(gaps).sum() / weight.sum())


def ece_by_chance(
    scores: ArrayLike, *, seed: int, repetitions: int = 200, bins: int = BINS, kind: Bins = "mass"
) -> float:
    """Return the mean ECE that independent labels drawn with just these probabilities would have.

    Raises:
        ValueError: as for `reliability`.
    """
    values = np.asarray(scores, dtype=np.float64)
    draws = np.random.default_rng(seed).random((repetitions, len(values))) < values
    return float(np.mean([ece(drawn.astype(np.float64), values, bins=bins, kind=kind) for drawn in draws]))


def prevalence_weights(labels: ArrayLike, prevalence: float) -> Array:
    """Return weights (n,), of mean 1, that make the share of good items `prevalence`.

    Raises:
        UndefinedError: one class alone.
        ValueError: `prevalence` is not between 0 and 1.
    """
    if not 0.0 < prevalence < 1.0:
        raise ValueError(f"a prevalence is between 0 and 1, not {prevalence}")
    truth = np.asarray(labels, dtype=np.float64)
    share = float(truth.mean()) if truth.size else 0.0
    if share in {0.0, 1.0}:
        raise UndefinedError("all labels are of one class")
    return np.where(truth == 1.0, prevalence / share, (1.0 - prevalence) / (1.0 - share))


def prevalence_weighted(statistic: Callable[[Array, Array, Array], float], prevalence: float) -> Statistic:
    """Return `statistic` (`ece` or `auc`) as it would be where so many items are good: each class is weighted.

    This assumes that scores within a class stay as they are (label shift).
    """
    return lambda labels, scores: statistic(labels, scores, prevalence_weights(labels, prevalence))


def confusion(labels: ArrayLike, scores: ArrayLike, thresholds: Sequence[float]) -> tuple[Cut, ...]:
    """Return the counts on either side of each threshold, by rising threshold; a score at it is accepted.

    Raises:
        ValueError: as for `auc`.
    """
    truth, values, _ = _checked(labels, scores, None)
    return tuple(_cut(truth == 1.0, values >= threshold, float(threshold)) for threshold in sorted(thresholds))


def _checked(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None) -> tuple[Array, Array, Array]:
    truth, values = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    weight = np.ones_like(truth) if weights is None else np.asarray(weights, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape or truth.shape != weight.shape:
        raise ValueError(f"labels {truth.shape}, scores {values.shape} and weights {weight.shape} differ in shape")
    if not truth.size:
        raise UndefinedError("no rows")
    if not np.isin(truth, (0.0, 1.0)).all():
        raise ValueError("labels are 0 or 1 here: cut soft ones first")
    if not np.isfinite(values).all() or not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError("scores must be finite, and weights finite and above 0")
    return truth, values, weight


def _places(values: Array, weight: Array, bins: int, kind: Bins) -> NDArray[np.int64]:
    """Return each row's bin; by mass, it is where the middle of its score's weight lies in all weight."""
    if values.min() < 0.0 or values.max() > 1.0:
        raise ValueError("scores must be in [0,1] to be compared with shares")
    if kind == "width":
        return np.minimum((values * bins).astype(np.int64), bins - 1)
    _, place = np.unique(values, return_inverse=True)
    mass = np.bincount(place, weights=weight)
    middle = (mass.cumsum() - mass / 2) / mass.sum()
    return np.asarray(np.floor(np.round(middle * bins, 9)).astype(np.int64)[place])


def _bin(truth: Array, values: Array, weight: Array, total: float, level: float) -> Bin:
    own = float(weight.sum())
    good = float(np.clip(weight @ truth / own, 0.0, 1.0))
    worth = own * own / float(weight @ weight)
    low, high = wilson(good * worth, worth, level)
    score = float(weight @ values / own)
    return Bin(float(values.min()), float(values.max()), len(values), own / total, score, good, low, high)


def _cut(good: NDArray[np.bool_], accepted: NDArray[np.bool_], threshold: float) -> Cut:
    pairs = ((good, accepted), (~good, accepted), (good, ~accepted), (~good, ~accepted))
    return Cut(threshold, *(int((one & other).sum()) for one, other in pairs))
