"""Quartiles, fences and other figures of a selection, exact: each value asked for is kept, in 8 bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
LEAST_FOR_FENCES: Final = 4  # of fewer values, quartiles say nothing


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one name: how many items have it, how many lack it, and its quartiles."""

    name: str
    n: int
    missing: int
    low: float
    q1: float
    median: float
    q3: float
    high: float
    mean: float


@dataclass(frozen=True, slots=True)
class Fences:
    """Tukey's fences of one kind: what lies outside of [low, high] is an outlier. `n` values, `outside` of them so."""

    kind: str
    n: int
    low: float
    high: float
    outside: int


def figures_of(name: str, values: Values) -> Figures | None:
    """Return the figures of values (n,), where NaN is missing; None where all are.

    Quartiles are interpolated linearly between order statistics (type 7 of Hyndman and Fan, 1996; numpy's own).
    """
    there = values[~np.isnan(values)]
    if not len(there):
        return None
    low, q1, median, q3, high = (float(value) for value in np.quantile(there, (0.0, 0.25, 0.5, 0.75, 1.0)))
    return Figures(name, len(there), len(values) - len(there), low, q1, median, q3, high, float(there.mean()))


def fences_of(kind: str, values: Values, reach: float) -> Fences | None:
    """Return the fences of values (n,), where NaN is missing: Q1 - reach IQR and Q3 + reach IQR (Tukey, 1977).

    None where there are fewer than four values.
    """
    there = values[~np.isnan(values)]
    if len(there) < LEAST_FOR_FENCES:
        return None
    q1, q3 = (float(value) for value in np.quantile(there, (0.25, 0.75)))
    low, high = q1 - reach * (q3 - q1), q3 + reach * (q3 - q1)
    return Fences(kind, len(there), low, high, int(((there < low) | (there > high)).sum()))
