"""What labels of parents are good for: a calibrator of the aggregated score, a (kind, method) each, and thresholds.

A parent's label is never given to its items: most frames of a bad video are good ones. The items are scored by the head
as it is served, their scores are aggregated as a policy would, and the calibrator makes a probability of that quality.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from schemas.heads import ParentCalibration
from workers.heads import Calibrator, Platt
from workers.training.calibrating import LEAST_ITEMS, LEAST_OF_CLASS, fit_calibrator
from workers.training.gathering import ParentExample
from workers.training.labelled import Array
from workers.training.problems import Warnings
from workers.training.statistics import auc, ece

Methods = Mapping[str, Callable[[Sequence[float]], float]]
"""From the scores of a parent's items, at least one and in any order, to the parent's quality, by the method's name."""

REACHED: Final[Mapping[str, float]] = {"high": 0.9, "medium": 0.5, "low": 0.1}
"""Labels of a policy, and the probability that the parent is good from which on each is suggested."""

EDGE: Final = 1e-6
_FOLDS: Final = 5
_GRID: Final = np.linspace(0.0, 1.0, 1001)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredParents:
    """Labelled parents of one kind with the scores of their items; `groups` (n,) that no head was trained on."""

    examples: tuple[ParentExample, ...]
    scores: tuple[Array, ...]
    groups: tuple[str, ...]
    cut: float

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which labels are at least the cut, (n,)."""
        return np.array([one.row.label >= self.cut for one in self.examples], dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class ParentFit:
    """What one method makes of parents.

    `qualities` (n,), `probabilities` (n,) of calibrators that had not seen the parent's group, NaN where there are
    none, and the record of the calibrator of all parents, where one could be fitted.
    """

    method: str
    qualities: Array
    probabilities: Array
    record: ParentCalibration | None


def logit(qualities: Array) -> Array:
    """Return log(q / (1 - q)) of qualities (n,), which are held within [1e-6, 1 - 1e-6]."""
    held = np.clip(qualities, EDGE, 1.0 - EDGE)
    return np.asarray(np.log(held) - np.log1p(-held))


def fit_parents(parents: ScoredParents, kind: str, methods: Methods, seed: int, warnings: Warnings) -> list[ParentFit]:
    """Fit a calibrator for each method; where there are too few parents, say so and give their qualities alone."""
    good = parents.good
    positives = int(good.sum())
    if len(good) < LEAST_ITEMS or min(positives, len(good) - positives) < LEAST_OF_CLASS:
        warnings.add(
            f"{kind}: {len(good)} labelled parents ({positives} good) that share no group with what was trained on are "
            f"too few for a calibrator: {LEAST_ITEMS} are needed, with {LEAST_OF_CLASS} of each class. What a parent "
            "gets stays a quality, and is no probability"
        )
    return [_fit(parents, kind, name, method, seed) for name, method in methods.items()]


def _fit(
    parents: ScoredParents, kind: str, name: str, method: Callable[[Sequence[float]], float], seed: int
) -> ParentFit:
    qualities, good = np.array([method(own.tolist()) for own in parents.scores]), parents.good
    unknown = np.full(len(good), np.nan)
    calibrator = fit_calibrator(logit(qualities), good)
    if calibrator is None:
        return ParentFit(name, qualities, unknown, None)
    probabilities = _unseen(logit(qualities), good, parents.groups, seed)
    known = ~np.isnan(probabilities)
    results: dict[str, float] = {}
    if known.any() and 0 < good[known].sum() < known.sum():
        truth = good[known].astype(np.float64)
        results = {
            "auc": auc(truth, qualities[known]),
            "ece": ece(truth, probabilities[known]),
            "ece_of_quality": ece(truth, qualities[known]),
        }
    record = ParentCalibration(
        kind=kind,
        method=name,
        binary_cut=parents.cut,
        parents=len(good),
        groups=len(set(parents.groups)),
        results={key: round(value, 4) for key, value in results.items()},
        thresholds=suggested(calibrator),
        **_numbers(calibrator),
    )
    return ParentFit(name, qualities, probabilities, record)


def _unseen(logits: Array, good: NDArray[np.bool_], groups: Sequence[str], seed: int) -> Array:
    """Return probabilities (n,) by calibrators that have not seen the group; NaN where none could be fitted."""
    found, names = np.full(len(good), np.nan), np.array(groups)
    folds = min(_FOLDS, len(set(names[good])), len(set(names[~good])))
    if folds < 2:  # noqa: PLR2004 (one fold has nothing to be judged by)
        return found
    for seen, unseen in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(logits, good, names):
        calibrator = fit_calibrator(logits[seen], good[seen])
        if calibrator is not None:
            found[unseen] = calibrator.probabilities(logits[unseen])
    return found


def suggested(calibrator: Calibrator) -> dict[str, float]:
    """Return the lowest quality, in thousandths, at which the probability reaches each share of `REACHED`."""
    probabilities = calibrator.probabilities(logit(_GRID))
    reached = {name: np.flatnonzero(probabilities >= share) for name, share in REACHED.items()}
    return {name: float(round(_GRID[places[0]], 3)) for name, places in reached.items() if places.size}


def _numbers(calibrator: Calibrator) -> dict[str, Any]:
    if isinstance(calibrator, Platt):
        return {"calibrator": "platt", "slope": calibrator.slope, "shift": calibrator.shift}
    knots = calibrator.tensors()
    qualities = 1.0 / (1.0 + np.exp(-knots["calibration.logits"]))
    return {
        "calibrator": "isotonic",
        "qualities": qualities.tolist(),
        "probabilities": knots["calibration.values"].tolist(),
    }
