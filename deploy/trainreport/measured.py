"""One figure with its interval, or with the reason why it has none. It can be written as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.training.statistics import Statistic, UndefinedError, auc, cluster_bootstrap

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Draws:
    """How the resamples are drawn, and how many."""

    seed: int
    count: int = 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure; `low` and `high` are the ends of its 95% interval over resampled groups, where there is one."""

    value: float | None
    low: float | None = None
    high: float | None = None
    groups: int = 0
    few_groups: bool = False
    undefined: int = 0  # resamples on which there was no figure
    note: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a figure at all."""
        return self.value is not None


def measure(statistic: Statistic, labels: Array, scores: Array, groups: Sequence[str], draws: Draws) -> Measured:
    """Return a figure of labels (n,) and scores (n,) or (n, k), resampled by groups (n,)."""
    count = len(set(groups))
    try:
        found = cluster_bootstrap(statistic, labels, scores, groups, seed=draws.seed, repetitions=draws.count)
    except UndefinedError as error:
        try:
            return Measured(statistic(labels, scores), groups=count, few_groups=True, note=f"no interval: {error}")
        except UndefinedError:
            return Measured(None, groups=count, few_groups=True, note=str(error))
    return Measured(
        found.estimate,
        found.low,
        found.high,
        found.groups,
        found.few_groups,
        found.undefined,
        "fewer than ten groups: the true interval is wider" if found.few_groups else "",
    )


def gain(labels: Array, pair: Array) -> float:
    """Return by how much the AUC of the first column of scores (n, 2) is above that of the second."""
    return auc(labels, pair[:, 0]) - auc(labels, pair[:, 1])
