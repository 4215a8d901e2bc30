"""The rows of the report's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from deploy.trainreport.measured import Array, Draws, Measured, measure
from workers.training.evaluation import Evaluation, ItemResult, ParentResult
from workers.training.statistics import Cut, auc, confusion, ece, wilson

MOST_GROUPS: Final = 40


@dataclass(frozen=True, slots=True)
class Threshold:
    """What accepting from a threshold on does to the test part; `bad_share` is of what is accepted, with Wilson's ends.

    The ends are None where nothing is accepted. They take items as independent, which items of a group are not.
    """

    name: str
    cut: Cut
    bad_share: float | None
    bad_low: float | None
    bad_high: float | None


@dataclass(frozen=True, slots=True)
class DefectRow:
    """A defect: how well its own head finds it, and how well the score and the metrics part it from good items."""

    name: str
    items: int  # of the test part that have it
    own: float | None
    score: Measured
    metrics: Measured


@dataclass(frozen=True, slots=True)
class ParentRow:
    """Parents under one method: how well their aggregate ranks them, and how far it is from a probability."""

    method: str
    parents: int
    groups: int
    good: int
    auc: Measured
    quality_ece: Measured
    calibrated: int  # parents whose probability came from a calibrator that had not seen their group
    probability_ece: Measured


@dataclass(frozen=True, slots=True)
class SplitRow:
    """What a part holds."""

    name: str
    items: int
    groups: int
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Group:
    """A group and the part it is in."""

    name: str
    split: str
    items: int
    good: int


def threshold_rows(labels: Array, scores: Array, thresholds: Sequence[tuple[str, float]]) -> tuple[Threshold, ...]:
    """Return a row for each named threshold, in the order given."""
    return tuple(_threshold(name, confusion(labels, scores, [value])[0]) for name, value in thresholds)


def _threshold(name: str, cut: Cut) -> Threshold:
    accepted = cut.good_accepted + cut.bad_accepted
    if not accepted:
        return Threshold(name, cut, None, None, None)
    return Threshold(name, cut, cut.bad_accepted / accepted, *wilson(cut.bad_accepted, accepted))


def defect_rows(evaluation: Evaluation, test: Sequence[ItemResult], draws: Draws) -> tuple[DefectRow, ...]:
    """Return a row for each defect that labels of the test part name or a defect head knows, by name."""
    names = sorted({*evaluation.defects, *(name for item in test for name in item.defects)})
    return tuple(_defect(name, evaluation, test, draws) for name in names)


def _defect(name: str, evaluation: Evaluation, test: Sequence[ItemResult], draws: Draws) -> DefectRow:
    rows = [item for item in test if name in item.defects or item.label >= evaluation.binary_cut]
    labels = np.array([name not in item.defects for item in rows], dtype=np.float64)
    groups = [item.group for item in rows]
    score = measure(auc, labels, np.array([item.score for item in rows]), groups, draws)
    metrics = measure(auc, labels, np.array([item.baseline_score for item in rows]), groups, draws)
    return DefectRow(name, int((labels == 0.0).sum()), evaluation.defects.get(name), score, metrics)


def parent_rows(evaluation: Evaluation, draws: Draws) -> tuple[ParentRow, ...]:
    """Return a row for each method, by name."""
    methods = sorted({parent.method for parent in evaluation.parents})
    return tuple(
        _parent(method, [one for one in evaluation.parents if one.method == method], evaluation, draws)
        for method in methods
    )


def _parent(method: str, parents: Sequence[ParentResult], evaluation: Evaluation, draws: Draws) -> ParentRow:
    labels, groups = _good(parents, evaluation.binary_cut), [one.group for one in parents]
    quality = np.array([one.quality for one in parents])
    fresh = [one for one in parents if one.held_out and one.probability is not None]
    probability = np.array([one.probability for one in fresh], dtype=np.float64)
    return ParentRow(
        method=method,
        parents=len(parents),
        groups=len(set(groups)),
        good=int(labels.sum()),
        auc=measure(auc, labels, quality, groups, draws),
        quality_ece=measure(ece, labels, quality, groups, draws),
        calibrated=len(fresh),
        probability_ece=measure(
            ece, _good(fresh, evaluation.binary_cut), probability, [one.group for one in fresh], draws
        ),
    )


def _good(rows: Iterable[ItemResult | ParentResult], cut: float) -> Array:
    return np.array([row.label >= cut for row in rows], dtype=np.float64)


def split_rows(evaluation: Evaluation, names: Sequence[str]) -> tuple[SplitRow, ...]:
    """Return what each part holds, in the order given."""
    return tuple(_split(name, [one for one in evaluation.items if one.split == name], evaluation) for name in names)


def _split(name: str, items: Sequence[ItemResult], evaluation: Evaluation) -> SplitRow:
    good = int(_good(items, evaluation.binary_cut).sum())
    return SplitRow(name, len(items), len({item.group for item in items}), good, len(items) - good)


def groups_of(evaluation: Evaluation) -> tuple[tuple[Group, ...], int]:
    """Return the largest groups, largest first, and how many more there are."""
    found: dict[tuple[str, str], list[ItemResult]] = {}
    for item in evaluation.items:
        found.setdefault((item.group, item.split), []).append(item)
    groups = [
        Group(name, split, len(items), int(_good(items, evaluation.binary_cut).sum()))
        for (name, split), items in found.items()
    ]
    groups.sort(key=lambda group: (-group.items, group.name, group.split))
    return tuple(groups[:MOST_GROUPS]), max(0, len(groups) - MOST_GROUPS)
