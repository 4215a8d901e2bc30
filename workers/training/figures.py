"""The figures a head is judged by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

HEAVY = 4
_BAD = 3
_GOOD_SCORE, _BAD_SCORE, _REJECTED_SCORE = 0.7, 0.4, 0.2


def figures(severities: NDArray[np.int64], scores: NDArray[np.float64]) -> dict[str, float]:
    """Return what scores (n,) are worth for items of these severities (n,), by name.

    Areas under the curve are of undamaged items against all damaged ones (`auc`), those from severity 3 (`auc_bad`) and
    from 4 (`auc_heavy`). The others are shares, 0 to 1.
    """
    clean, heavy = severities == 0, severities >= HEAVY
    return {
        "auc": _auc(clean, clean | (severities > 0), scores),
        "auc_bad": _auc(clean, clean | (severities >= _BAD), scores),
        "auc_heavy": _auc(clean, clean | heavy, scores),
        "clean_at_least_0.7": _share(scores[clean] >= _GOOD_SCORE),
        "heavy_below_0.4": _share(scores[heavy] < _BAD_SCORE),
        "heavy_below_0.2": _share(scores[heavy] < _REJECTED_SCORE),
    }


def named(prefix: str, values: dict[str, float]) -> dict[str, float]:
    """Return the figures under a prefix, to four digits."""
    return {f"{prefix}/{name}": round(value, 4) for name, value in values.items()}


def _auc(clean: NDArray[np.bool_], chosen: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    if clean[chosen].all() or not clean[chosen].any():
        return 0.5  # nothing to tell apart
    return float(roc_auc_score(clean[chosen], scores[chosen]))


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else 0.0
