"""How much labels are worth: the AUC on a fixed test part of models that were fitted to ever more of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.training.evaluation import CurvePoint
from workers.training.intervals import Array, UndefinedError, replicates
from workers.training.statistics import auc

SIZES: Final = (50, 100, 200, 400, 800)
REPEATS: Final = 5
_RESAMPLES: Final = 200  # of the test part, for each repeat
_TRIES: Final = 20
_LEVEL: Final = (0.025, 0.975)

Fit = Callable[[NDArray[np.int64], int], Array]
"""Fits a model to these rows of the training part, with this seed, and returns its scores of the whole test part."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A part as the curve sees it: `good` (n,) is 0 or 1, `groups` (n,) are not torn apart."""

    good: Array
    groups: Sequence[str]


def learning_curve(
    fits: Mapping[str, Fit],
    train: Judged,
    test: Judged,
    *,
    seed: int,
    sizes: Sequence[int] = SIZES,
    repeats: int = REPEATS,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[CurvePoint, ...]:
    """Return the points of each model, by size; the last size is all labels where there are fewer than asked for.

    Each repeat draws groups of the training part in another order, the same for all models. `mean` is over repeats. The
    interval is what another such draw of labels, judged on another such draw of test groups, would give 19 times in 20:
    it has both in it. A size at which no draw holds both classes has no point.

    Args:
        fits: models by name.
        train: what subsets are drawn from.
        test: what they are judged on; it stays the same.
        seed: decides the draws, the models' own randomness and the resamples.
        sizes: how many labels.
        repeats: draws for each size.
        progress: called with the fits done and their total.

    Raises:
        UndefinedError: the test part holds one class alone.
    """
    if len(set(test.good.tolist())) < 2:  # noqa: PLR2004 - good and bad
        raise UndefinedError("the test part holds one class alone")
    wanted = attainable(sizes, len(train.good))
    drawn = {
        size: [rows for repeat in range(repeats) if len(rows := subset(train, size, (seed, repeat)))] for size in wanted
    }
    total, done = sum(len(subsets) for subsets in drawn.values()) * len(fits), 0
    points = []
    for size, subsets in drawn.items():
        for name, fit in fits.items() if subsets else ():
            scores = []
            for repeat, rows in enumerate(subsets):
                scores.append(fit(rows, seed + repeat))
                done += 1
                progress(done, total)
            points.append(_point(size, name, test, scores, seed))
    return tuple(points)


def attainable(sizes: Sequence[int], available: int) -> tuple[int, ...]:
    """Return the sizes that there are labels for, and all labels where some sizes are out of reach."""
    reached = sorted({size for size in sizes if size <= available})
    return tuple(reached) if len(reached) == len(set(sizes)) or available in reached else (*reached, available)


def subset(train: Judged, size: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """Return `size` rows of whole groups in a random order; the group that would overstep is cut at random.

    Of one seed, a smaller size takes the first groups of a larger one's. Empty where no order tried gives both classes.
    """
    rng = np.random.default_rng(seed)
    groups = np.unique(np.asarray(train.groups), return_inverse=True)[1]
    for _ in range(_TRIES):
        ranks = rng.permutation(int(groups.max()) + 1)[groups]
        rows = np.lexsort((rng.random(len(groups)), ranks))[:size]
        if len(set(train.good[rows].tolist())) > 1:
            return np.asarray(np.sort(rows))
    return np.zeros(0, dtype=np.int64)


def _point(size: int, name: str, test: Judged, scores: Sequence[Array], seed: int) -> CurvePoint:
    areas = [auc(test.good, own) for own in scores]
    try:
        spread = np.concatenate(
            [replicates(auc, test.good, own, test.groups, seed=seed, repetitions=_RESAMPLES) for own in scores]
        )
    except UndefinedError:  # one test group: what is known is the spread over draws
        spread = np.array(areas)
    low, high = np.quantile(spread, _LEVEL)
    return CurvePoint(size, name, float(np.mean(areas)), float(low), float(high))
