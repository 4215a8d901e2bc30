"""Rows that a permutation may exchange: drawn with equal probability, and one of each group."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.slices.estimates import Array, Groups

DRAWS: Final = 15
"""How often rows are drawn, where they are; the p-values of all draws become one."""


def draws(
    count: int, weights: Array | None, groups: Groups | None, seed: int, repetitions: int = DRAWS
) -> list[NDArray[np.intp]]:
    """Return row numbers of independent rows drawn alike; all rows, once, where they are that already.

    A row that was labelled with a small probability stays, one with a large one stays with a probability so much
    smaller: then all of them are as probable. Of each group one row stays, drawn at random.

    Args:
        count: how many rows there are.
        weights: (n,), 1 over the probability with which each was labelled.
        groups: (n,).
        seed: of the draws.
        repetitions: how many draws, where there is something to draw.
    """
    unequal = weights is not None and count > 0 and float(np.ptp(weights)) > 0.0
    if not unequal and (groups is None or len(np.unique(np.asarray(groups))) == count):
        return [np.arange(count)]
    random = np.random.default_rng(seed)
    found = []
    for _ in range(repetitions):
        rows = random.permutation(count)
        if weights is not None and unequal:
            rows = rows[random.random(count) < weights[rows] / weights.max()]
        if groups is not None and len(rows):
            rows = rows[np.unique(np.asarray(groups)[rows], return_index=True)[1]]
        found.append(np.sort(rows))
    return found


def combined(values: Array) -> Array:
    """Return one p-value of several from draws (d, k) of the same rows: twice their median, at most 1.

    Valid however they depend on each other (Meinshausen, Meier and Buehlmann 2009, with gamma 1/2). Of a single draw it
    is that draw's.
    """
    return values[0] if len(values) == 1 else np.minimum(1.0, 2.0 * np.median(values, axis=0))
