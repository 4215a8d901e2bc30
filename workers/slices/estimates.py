"""A share or a mean with its interval: exact, for unequal sampling, or over whole groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, stdtrit

from workers.training.intervals import FEW_GROUPS, wilson

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Groups = Sequence[str] | NDArray[np.generic]
Means = Literal["exact", "weighted", "groups", "student", "newcombe", "none"]

RESAMPLES: Final = 4_000
_MANY_GROUPS: Final = 5_000
_FEWER: Final = 1_000  # resamples of so many groups
_MOST_CELLS: Final = 4_000_000  # of one block of resamples, in memory


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure in [0,1] with its two-sided interval. Without a row that it is about, the interval is all of [0,1].

    Attributes:
        value: None where there is no row.
        low, high: ends of the interval.
        count: rows that it is about.
        hits: those of them that it counts; None of a figure that is no share.
        groups: groups that the rows are of; 0 where no group has several, so that rows stand for themselves.
        method: where the interval comes from.
    """

    value: float | None
    low: float
    high: float
    count: int
    hits: int | None = None
    groups: int = 0
    method: Means = "none"

    @property
    def few_groups(self) -> bool:
        """True where the groups are too few for the interval to be taken at its word: it is too narrow."""
        return 0 < self.groups < FEW_GROUPS


def clopper_pearson(hits: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share, `hits` of `count` > 0 (Clopper and Pearson 1934)."""
    tail = (1.0 - level) / 2.0
    low = 0.0 if hits <= 0.0 else float(betaincinv(hits, count - hits + 1.0, tail))
    high = 1.0 if hits >= count else float(betaincinv(hits + 1.0, count - hits, 1.0 - tail))
    return low, high


def share(
    hits: Flags,
    weights: Array | None = None,
    groups: Groups | None = None,
    *,
    heaviest: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the share of rows that are hits.

    Rows drawn alike: Clopper-Pearson. With weights: Hajek's ratio, and Clopper-Pearson for as many rows as the weights
    are worth (`worth`). With groups: the percentile bootstrap of whole groups, with weights no narrower than for
    independent rows; where all groups agree it would have no width, and each group counts as one row instead. One group
    alone says nothing about others: the interval is about that one, as if its rows were independent, and is marked
    (`few_groups`).

    Args:
        hits: (n,).
        weights: (n,), 1 over the probability with which a row was drawn; None: all were drawn alike.
        groups: (n,), what rows of are not independent; None: all rows are.
        heaviest: the largest weight of all rows that could have been drawn; None: that of these.
        level: what the interval is to cover.
        seed: of the resamples.

    Raises:
        ValueError: lengths differ, or a weight is not finite and above 0.
    """
    weight = _checked(len(hits), weights, groups)
    count, found = len(hits), int(hits.sum())
    if not count:
        return Estimate(None, 0.0, 1.0, 0, 0)
    value = min(1.0, float(weight @ hits / weight.sum()))  # sums round
    size = _size(groups)
    unequal = _unequal(weight, heaviest)
    if unequal:
        rows = worth(weight, heaviest)
        alone = clopper_pearson(value * rows, rows, level)
    else:
        alone = clopper_pearson(found, count, level)
    if groups is not None and size > 1:
        low, high = _over_groups(hits * weight, weight, groups, level, seed)
        ends = (min(low, alone[0]), max(high, alone[1])) if unequal else (low, high)
        return Estimate(value, *ends, count, found, size, "groups")
    return Estimate(value, *alone, count, found, size, "weighted" if unequal else "exact")


def worth(weight: Array, heaviest: float | None = None) -> float:
    """Return how many rows drawn alike weights (n,) are worth at least: their sum over the largest.

    So many stay, on average, where each row is kept with a probability of its weight over the largest: then all have
    the same chance to be drawn and kept. Kish's size (1965) is greater, and far too great where the rows that are to be
    counted are the heavy ones, of which few or none were drawn. So the largest weight is that of all labels, and not of
    those at hand.
    """
    return float(weight.sum()) / max(float(weight.max()), heaviest or 0.0)


def _unequal(weight: Array, heaviest: float | None) -> bool:
    return float(np.ptp(weight)) > 0.0 or (heaviest is not None and heaviest > float(weight.max()))


def mean(values: Array, groups: Groups | None = None, *, level: float = 0.95, seed: int = 0) -> Estimate:
    """Return the mean of values (n,) in [0,1]: Student's interval, or the bootstrap of whole groups.

    Raises:
        ValueError: lengths differ.
    """
    count = len(values)
    weight = _checked(count, None, groups)
    if not count:
        return Estimate(None, 0.0, 1.0, 0)
    value = float(np.clip(values.mean(), 0.0, 1.0))
    size = _size(groups)
    if groups is not None and size > 1:
        low, high = _over_groups(values, weight, groups, level, seed)
        return Estimate(value, low, high, count, None, size, "groups")
    if count == 1:
        return Estimate(value, 0.0, 1.0, 1)
    half = float(stdtrit(count - 1, (1.0 + level) / 2.0)) * float(values.std(ddof=1)) / count**0.5
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), count, None, size, "student")


def _size(groups: Groups | None) -> int:
    """Return how many groups rows are of; 0 where no group has several, so that rows stand for themselves."""
    return len(np.unique(np.asarray(groups))) if groups is not None and joined(groups) else 0


def joined(groups: Groups) -> bool:
    """Return whether any group has several rows; where none has, rows stand for themselves."""
    return len(np.unique(np.asarray(groups))) < len(groups)


def members(groups: Groups) -> tuple[int, NDArray[np.intp]]:
    """Return how many groups there are, and the number of each row's; in the order of their names."""
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    return len(names), place


def resampled(size: int, seed: int, repetitions: int = RESAMPLES) -> Iterator[NDArray[np.intp]]:
    """Yield resamples of `size` groups, (k, size) at a time: the numbers of the groups in each."""
    random = np.random.default_rng(seed)
    block = max(1, min(repetitions, _MOST_CELLS // max(1, size)))
    for done in range(0, repetitions, block):
        yield random.integers(size, size=(min(block, repetitions - done), size))


def _over_groups(hits: Array, weight: Array, groups: Groups, level: float, seed: int) -> tuple[float, float]:
    """Return the ends of a ratio's interval over whole groups."""
    size, place = members(groups)
    above = np.bincount(place, weights=hits, minlength=size)
    below = np.bincount(place, weights=weight, minlength=size)
    times = RESAMPLES if size < _MANY_GROUPS else _FEWER
    blocks = resampled(size, seed, times)
    found = np.concatenate([above[drawn].sum(axis=1) / below[drawn].sum(axis=1) for drawn in blocks])
    low, high = (float(end) for end in np.quantile(found, ((1.0 - level) / 2.0, (1.0 + level) / 2.0)))
    if high - low < 1e-12:  # noqa: PLR2004 - no width but rounding
        value = round(float(above.sum() / below.sum()), 12)
        ends = clopper_pearson if value in {0.0, 1.0} else wilson
        low, high = ends(value * size, size, level)
    return max(0.0, low), min(1.0, high)


def _checked(count: int, weights: Array | None, groups: Groups | None) -> Array:
    weight = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(weight) != count or (groups is not None and len(groups) != count):
        raise ValueError(f"{count} rows, {len(weight)} weights, {count if groups is None else len(groups)} groups")
    if not (np.isfinite(weight) & (weight > 0.0)).all():
        raise ValueError("weights must be finite and above 0")
    return weight
