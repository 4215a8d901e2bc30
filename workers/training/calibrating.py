"""Fits what makes probabilities of logits, and thresholds, on groups that no head was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from workers.heads import Calibrator, Isotonic, Platt
from workers.heads.networks import sigmoid
from workers.training.labelled import Array
from workers.training.learning import fit_logistic

LEAST_ITEMS: Final = 20
LEAST_OF_CLASS: Final = 5
LEAST_GROUPS: Final = 3  # of two, each is judged by a single other one
ISOTONIC_FROM: Final = 1000
"""Isotonic regression needs about so many items not to overfit (Niculescu-Mizil and Caruana 2005); below it, Platt."""

RIGHT: Final = 0.95  # of the items that a threshold accepts, or refuses, as the labels say
_LEAST_BEYOND: Final = 5  # items that a threshold must have on its side
_NO_PENALTY: Final = 1e6


def fit_calibrator(logits: Array, good: NDArray[np.bool_]) -> Calibrator | None:
    """Fit a monotone calibrator to logits (n,) of items that are good or not; its numbers are rounded to float32.

    Platt's targets are those of Platt (1999), (N+ + 1)/(N+ + 2) and 1/(N- + 2), so that clean separation makes no
    certainty; isotonic values are held away from 0 and 1 by 1/(n + 2).

    Returns:
        None where there are too few items, or where higher logits do not mean more good ones.
    """
    positives = int(good.sum())
    if len(good) < LEAST_ITEMS or min(positives, len(good) - positives) < LEAST_OF_CLASS:
        return None
    return _isotonic(logits, good) if len(good) >= ISOTONIC_FROM else _platt(logits, good)


def carries_over(logits: Array, good: NDArray[np.bool_], groups: Sequence[str]) -> bool:
    """Whether calibrators tell more of groups that they have not seen than the head's own sigmoid does.

    Each group in turn is left out, and the log loss of what the others' calibrator makes of it is held against that of
    the sigmoid. A few groups can be separated by two numbers that mean nothing for the next one.

    Args:
        logits: (n,).
        good: (n,), as the labels say.
        groups: (n,) names.
    """
    names, loss, plain = np.asarray(groups), 0.0, 0.0
    if len(set(groups)) < LEAST_GROUPS:
        return False
    for group in sorted(set(groups)):
        out = names == group
        calibrator = fit_calibrator(logits[~out], good[~out])
        if calibrator is None:
            continue
        loss += _log_loss(calibrator.probabilities(logits[out]), good[out])
        plain += _log_loss(sigmoid(logits[out]), good[out])
    return loss < plain


def _log_loss(probabilities: Array, good: NDArray[np.bool_]) -> float:
    held = np.clip(np.where(good, probabilities, 1.0 - probabilities), 1e-12, None)
    return float(-np.log(held).sum())


def _platt(logits: Array, good: NDArray[np.bool_]) -> Platt | None:
    positives = int(good.sum())
    targets = np.where(good, (positives + 1) / (positives + 2), 1 / (len(good) - positives + 2))
    spread = float(logits.std())
    if spread == 0.0:
        return None
    fitted = fit_logistic((logits / spread)[:, None], targets, _NO_PENALTY)
    slope, shift = float(np.float32(fitted.weight[0] / spread)), float(np.float32(fitted.bias[0]))
    return Platt(slope, shift) if slope > 0.0 else None


def _isotonic(logits: Array, good: NDArray[np.bool_]) -> Isotonic | None:
    margin = 1.0 / (len(good) + 2)
    model = IsotonicRegression(y_min=margin, y_max=1.0 - margin, increasing=True, out_of_bounds="clip")
    model.fit(logits, good.astype(np.float64))
    knots, first = np.unique(model.X_thresholds_.astype(np.float32), return_index=True)
    values = model.y_thresholds_.astype(np.float32)[first].astype(np.float64)
    return Isotonic(knots.astype(np.float64), values) if values[-1] > values[0] else None


def thresholds(scores: Array, good: NDArray[np.bool_]) -> dict[str, float]:
    """Return where to cut scores (n,), by the labels of items that nothing was fitted to.

    `accept` is the lowest score from which on 95% of the items are good, `reject` the highest below which 95% are not.
    Either is left out where fewer than five items lie beyond. They are as sure as those items are many: a score's
    distribution without labels could only fix the pass rate.
    """
    order = np.argsort(scores, kind="stable")
    ordered, truth = scores[order], good[order].astype(np.float64)
    count = np.arange(1, len(truth) + 1)
    above = truth[::-1].cumsum() / count  # share of good ones among the k highest
    below = (1.0 - truth).cumsum() / count
    highest, lowest = _last_right(above), _last_right(below)
    found: dict[str, float] = {}
    if highest is not None:
        found["accept"] = float(ordered[::-1][highest])
    if lowest is not None:
        found["reject"] = float(np.nextafter(ordered[lowest], np.inf))  # at this score an item is still refused
    if len(found) == 2 and found["reject"] > found["accept"]:  # noqa: PLR2004 (both)
        found["reject"] = found["accept"]
    return found


def _last_right(shares: Array) -> int | None:
    places = np.flatnonzero(shares >= RIGHT)
    places = places[places >= _LEAST_BEYOND - 1]
    return int(places[-1]) if places.size else None
