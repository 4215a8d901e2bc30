"""What training from labels hands to whoever reports on it: figures and items, no weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "calibration", "threshold", "test"]
"""What an item's group was used for: the head, its calibrator, the thresholds, or nothing but the figures."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """A labelled item and what the trained head makes of it.

    Attributes:
        name: As the labels name it; no absolute path.
        path: Its file, for thumbnails.
        group: What may not be torn apart: a source, a patient, a volume, near-copies.
        split: What its group was used for.
        label: In [0,1]; `Evaluation.binary_cut` makes two classes of it.
        score: The head's score as it is served, in [0,1]: calibrated where `Evaluation.calibrated` says so.
        raw_score: The sigmoid of the head's logit, in [0,1], before the calibrator.
        baseline_score: Of the cheap metrics alone, in [0,1], fitted to the same items.
        reasons: Codes that the head gives, the strongest first.
        defects: Names that the labels give.
        defect_scores: What the defect heads give, in [0,1], by name; empty where there are none.
    """

    name: str
    path: Path
    group: str
    split: Split
    label: float
    score: float
    raw_score: float
    baseline_score: float
    reasons: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    defect_scores: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class EpochLoss:
    """Mean binary cross-entropy (nats) after an epoch, on what was trained on, and on groups that were not."""

    epoch: int
    train: float
    held_out: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The AUC on held-out groups of a model that was fitted to this many labels, with its interval."""

    labels: int
    model: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ParentResult:
    """A labelled parent: the aggregate of its items' scores, and what the calibrator of its method makes of it.

    Attributes:
        name: As the labels name it.
        path: Its file.
        group: As for items.
        label: In [0,1], of the parent.
        method: How the items' scores were aggregated.
        items: How many were scored.
        quality: The aggregate, in [0,1]: no probability.
        probability: Of the parent's label being at least the binary cut; None without a calibrator.
        held_out: The calibrator that gave `probability` has not seen this parent's group.
    """

    name: str
    path: Path
    group: str
    label: float
    method: str
    items: int
    quality: float
    probability: float | None
    held_out: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that a report shows of one trained head.

    Attributes:
        kind: Of the items.
        name: Of the head, with the digest of its folder.
        encoder: Its name and what its embedding is made of, in words.
        seed: Decided all that is random.
        binary_cut: A label of at least this counts as good, wherever two classes are needed.
        items: All items, of all splits.
        losses: Per epoch, over inner folds of the training groups; of the small network on both blocks where what was
            chosen is not trained in epochs.
        candidates: AUC of each candidate by inner folds over the training groups, by name (candidates.py): `metrics`,
            `embedding` and `blocks` (both) are logistic regressions, `late` is one over the first two; with `-mlp` they
            are small networks; `guide` is the guide's recipe, a network on the whole embedding alone.
        thresholds: Scores at which labels change, by name, such as `accept` and `reject`, from the threshold groups.
        curve: The learning curve; empty where it was not asked for.
        defects: AUC on held-out groups of each defect head, by name.
        parents: Labelled parents; empty without labels of parents.
        counts: Sizes: `items/train`, `groups/train` and `good/train`, and so on for each split.
        calibrated: Whether `score` is calibrated, and so a probability.
        calibration: How, in words.
        held_out: Figures on the test groups by name: `auc`, `auc_metrics`, `auc_embedding`, `auc_composite` (the best
            of those on both), `composite_gain` with `_low` and `_high` (over the better one alone), and where it is
            calibrated `ece`, `ece_by_chance`, `ece_uncalibrated`.
        notes: Warnings that the reader of the report is to see.
        chosen: Name of the candidate that was kept.
    """

    kind: str
    name: str
    encoder: str
    seed: int
    binary_cut: float
    items: tuple[ItemResult, ...]
    losses: tuple[EpochLoss, ...]
    candidates: Mapping[str, float]
    thresholds: Mapping[str, float]
    curve: tuple[CurvePoint, ...]
    defects: Mapping[str, float]
    parents: tuple[ParentResult, ...]
    counts: Mapping[str, int]
    calibrated: bool = False
    calibration: str = ""
    held_out: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()
    chosen: str = ""
