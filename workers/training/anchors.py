"""Puts the scale of scores where policies expect it.

A head ranks unseen parts well before its scores mean the same on them: clean material that differs from the training
parts scores lower than theirs. So the logits are rescaled by what was seen on parts held out: nine in ten of the clean
items there are to score at least 0.7, and nine in ten of the heavily damaged ones at most 0.3. This moves no item past
another, and it is no calibration: a score is still no probability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.training.figures import HEAVY

GOOD, BAD = 0.75, 0.25  # scores, with a little to spare
_SHARE = 10  # per cent that may miss them
_SLOPES = (1.0, 2.0)  # never flatter: that would pull what is clearly bad towards the middle


def anchors(severities: NDArray[np.int64], logits: NDArray[np.float64]) -> tuple[float, float]:
    """Return (slope, shift) for logits (n,) of parts held out.

    Where both are further apart than needed, the middle between them becomes 0.5. Where they overlap too much for both
    anchors, that of the clean items is kept.
    """
    clean, heavy = logits[severities == 0], logits[severities >= HEAVY]
    if not clean.size or not heavy.size:
        return 1.0, 0.0
    low, high = float(np.percentile(clean, _SHARE)), float(np.percentile(heavy, 100 - _SHARE))
    wanted = np.log(GOOD / (1 - GOOD)) - np.log(BAD / (1 - BAD))
    slope = float(np.clip(wanted / max(low - high, 1e-6), *_SLOPES))
    good = float(np.log(GOOD / (1 - GOOD)))
    return slope, max(good - slope * low, -slope * (low + high) / 2)
