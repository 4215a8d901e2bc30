"""What each threshold does on the labels: for a plot beside the one that was chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.guarantee.bounds import binomial_upper
from workers.guarantee.grid import grid
from workers.guarantee.sample import Array, Sample


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """By threshold, from the strictest on, each (k,): the share of all parents accepted, and of them that is bad.

    `risk` is NaN where nothing is accepted. `upper` bounds each threshold alone at confidence 1 - delta, and is no
    claim about all of them; it is NaN for labels that were drawn with unequal probability.
    """

    thresholds: Array
    accepted: Array
    risk: Array
    upper: Array


def curve(sample: Sample, delta: float, thresholds: Array | None = None) -> Curve:
    """Return what each threshold of the grid does on these labels.

    Raises:
        GuaranteeError: a threshold is not within (0,1].
    """
    levels = grid(thresholds)
    order = np.argsort(-sample.scores, kind="stable")
    scores, bad, weights = sample.scores[order], sample.bad[order], sample.weights[order]
    counts = np.searchsorted(-scores, -levels, side="right")
    accepted, wrong = (np.concatenate([[0.0], part.cumsum()])[counts] for part in (weights, weights * bad))
    few = np.concatenate([[0.0], bad.cumsum()])[counts]
    with np.errstate(invalid="ignore"):
        risk = wrong / accepted
    upper = binomial_upper(few, counts, delta) if sample.equally_drawn else np.full(len(levels), np.nan)
    return Curve(levels, accepted / max(weights.sum(), 1e-300), risk, np.where(counts > 0, upper, np.nan))
