"""Every figure of the report, from what training hands over. Nothing is drawn here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from deploy.trainreport.measured import Array, Draws, Measured, gain, measure
from deploy.trainreport.tables import (
    DefectRow,
    Group,
    ParentRow,
    SplitRow,
    Threshold,
    defect_rows,
    groups_of,
    parent_rows,
    split_rows,
    threshold_rows,
)
from schemas.policy import Thresholds
from workers.training.evaluation import CurvePoint, EpochLoss, Evaluation, ItemResult, Split
from workers.training.statistics import Bin, UndefinedError, auc, ece, ece_by_chance, reliability, roc

HISTOGRAM_BINS: Final = 20
MOST_CURVE_POINTS: Final = 400
SPLITS: Final[tuple[str, ...]] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Roc:
    """A ROC curve: shares of bad and of good items that are accepted, from no item to all."""

    bad: tuple[float, ...]
    good: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far scores are from shares: the bins of the diagram, the ECE, and what perfect calibration would show."""

    bins: tuple[Bin, ...]
    ece: Measured
    by_chance: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The test part: no item of its groups was used to fit anything.

    `head`, `metrics` and `gain` are AUCs of the head, of the cheap metrics alone, and the first less the second.
    `before` and `after` are of the scores before and after the calibrator; the same where there is none.
    """

    items: int
    groups: int
    good: int
    head: Measured
    metrics: Measured
    gain: Measured
    before: Calibration
    after: Calibration
    head_roc: Roc | None
    metrics_roc: Roc | None
    good_scores: tuple[int, ...]
    bad_scores: tuple[int, ...]
    thresholds: tuple[Threshold, ...]
    defects: tuple[DefectRow, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The report as figures."""

    kind: str
    name: str
    encoder: str
    seed: int
    binary_cut: float
    chosen: str
    calibrated: bool
    calibration: str
    notes: tuple[str, ...]
    judged: Judged | None
    curve: tuple[CurvePoint, ...]
    losses: tuple[EpochLoss, ...]
    candidates: Mapping[str, float]
    held_out: Mapping[str, float]
    parents: tuple[ParentRow, ...]
    splits: tuple[SplitRow, ...]
    groups: tuple[Group, ...]
    groups_left_out: int
    counts: Mapping[str, int]


def summarise(evaluation: Evaluation, policy: Thresholds | None = None, *, repetitions: int = 1000) -> Summary:
    """Return all figures; `policy` gives the thresholds that the confusion is shown at, the default ones if None.

    Raises:
        ValueError: a score is not finite, or not in [0,1].
    """
    draws = Draws(evaluation.seed, repetitions)
    test = [item for item in evaluation.items if item.split == "test"]
    groups, left_out = groups_of(evaluation)
    return Summary(
        kind=evaluation.kind,
        name=evaluation.name,
        encoder=evaluation.encoder,
        seed=evaluation.seed,
        binary_cut=evaluation.binary_cut,
        chosen=evaluation.chosen,
        calibrated=evaluation.calibrated,
        calibration=evaluation.calibration,
        notes=evaluation.notes,
        judged=_judged(evaluation, test, policy or Thresholds(), draws) if test else None,
        curve=evaluation.curve,
        losses=evaluation.losses,
        candidates=dict(evaluation.candidates),
        held_out=dict(evaluation.held_out or {}),
        parents=parent_rows(evaluation, draws),
        splits=split_rows(evaluation, SPLITS),
        groups=groups,
        groups_left_out=left_out,
        counts=dict(evaluation.counts),
    )


def _judged(evaluation: Evaluation, test: Sequence[ItemResult], policy: Thresholds, draws: Draws) -> Judged:
    labels = np.array([item.label >= evaluation.binary_cut for item in test], dtype=np.float64)
    score, raw, base = np.array([(item.score, item.raw_score, item.baseline_score) for item in test]).T
    groups = [item.group for item in test]
    return Judged(
        items=len(test),
        groups=len(set(groups)),
        good=int(labels.sum()),
        head=measure(auc, labels, score, groups, draws),
        metrics=measure(auc, labels, base, groups, draws),
        gain=measure(gain, labels, np.stack([score, base], axis=1), groups, draws),
        before=_calibration(labels, raw, groups, draws),
        after=_calibration(labels, score, groups, draws),
        head_roc=_roc(labels, score),
        metrics_roc=_roc(labels, base),
        good_scores=_histogram(score[labels == 1.0]),
        bad_scores=_histogram(score[labels == 0.0]),
        thresholds=threshold_rows(labels, score, _named(policy, evaluation.thresholds)),
        defects=defect_rows(evaluation, test, draws),
    )


def _named(policy: Thresholds, own: Mapping[str, float]) -> list[tuple[str, float]]:
    bands = {"policy: high": policy.high, "policy: medium": policy.medium, "policy: low": policy.low}
    found = bands | {f"from these labels: {name}": value for name, value in own.items()}
    return sorted(found.items(), key=lambda named: (-named[1], named[0]))


def _calibration(labels: Array, scores: Array, groups: Sequence[str], draws: Draws) -> Calibration:
    found = measure(ece, labels, scores, groups, draws)
    return Calibration(reliability(labels, scores), found, ece_by_chance(scores, seed=draws.seed))


def _roc(labels: Array, scores: Array) -> Roc | None:
    try:
        bad, good = roc(labels, scores)
    except UndefinedError:
        return None
    kept = np.unique(np.linspace(0, len(bad) - 1, min(len(bad), MOST_CURVE_POINTS)).round().astype(int))
    return Roc(tuple(bad[kept].tolist()), tuple(good[kept].tolist()))


def _histogram(scores: NDArray[np.float64]) -> tuple[int, ...]:
    places = np.minimum((scores * HISTOGRAM_BINS).astype(int), HISTOGRAM_BINS - 1)
    counts = Counter(places.tolist())
    return tuple(counts[place] for place in range(HISTOGRAM_BINS))
