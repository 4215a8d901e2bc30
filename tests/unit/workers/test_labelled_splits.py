from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workers.labelled import METRICS, drawn, examples, row
from workers.heads import Isotonic, Platt
from workers.heads.networks import sigmoid
from workers.training.calibrating import fit_calibrator, thresholds
from workers.training.candidates import inner_folds
from workers.training.copies import groups_of, near_copies
from workers.training.drawn import Choices, draw
from workers.training.evaluation import Split
from workers.training.gathering import merged
from workers.training.problems import LabelsError, Warnings
from workers.training.splits import SHARES, check_enough, given_splits, split_of


def test_thresholds_come_from_labels_seed_fault_27() -> None:
    scores = np.linspace(0, 1, 100)
    found = thresholds(scores, scores > 0.6)
    assert found["reject"] <= found["accept"]
    assert (scores[scores >= found["accept"]] > 0.6).mean() >= 0.95
    assert (scores[scores < found["reject"]] <= 0.6).mean() >= 0.95
    assert thresholds(scores, np.zeros(100, dtype=bool)).keys() == {"reject"}  # the same scores, other labels
    assert thresholds(scores[:4], scores[:4] >= 0) == {}


@given(st.integers(0, 10_000), st.sampled_from([40, 300, 1200]))
@settings(max_examples=15, deadline=None)
def test_a_calibrator_is_monotone_within_bounds_and_makes_probabilities(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, count)
    good = rng.random(count) < sigmoid(0.5 * logits + 0.7)
    calibrator = fit_calibrator(logits, good)
    if calibrator is None:
        assert min(good.sum(), (~good).sum()) < 5 or count < 1000
        return
    assert isinstance(calibrator, Platt if count < 1000 else Isotonic)
    values = calibrator.probabilities(np.sort(rng.normal(0, 5, 200)))
    assert (np.diff(values) >= 0).all()
    assert 0.0 < values.min() <= values.max() < 1.0
    assert calibrator.probabilities(logits).mean() == pytest.approx(good.mean(), abs=0.06)


def test_there_is_no_calibrator_of_few_items_or_of_scores_that_are_upside_down() -> None:
    logits, good = np.linspace(-2, 2, 40), np.arange(40) > 20
    assert fit_calibrator(logits[:19], good[10:29]) is None
    assert fit_calibrator(logits, np.arange(40) > 36) is None
    assert fit_calibrator(-logits, good) is None
    assert fit_calibrator(np.zeros(40), good) is None


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=60, max_size=150), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_no_group_is_in_two_splits_and_seeds_decide_them(items: list[tuple[int, bool]], seed: int) -> None:
    groups = [f"g{group}" for group, _ in items]
    good = np.array([own for _, own in items])
    held = [len({group for group, own in items if own is wanted}) for wanted in (True, False)]
    if min(held) < 6:
        with pytest.raises(LabelsError, match="6 are the least"):
            split_of(groups, good, seed)
        return
    splits = split_of(groups, good, seed)
    assert splits == split_of(groups, good, seed)
    assert len({(group, split) for group, split in zip(groups, splits, strict=True)}) == len(set(groups))
    assert set(splits) == set(SHARES)


def test_splits_have_about_their_shares_of_both_classes_and_inner_folds_are_disjoint() -> None:
    own = drawn(400, groups=100)
    for split, share in SHARES.items():
        places = own.places(split)
        assert len(places) == pytest.approx(400 * share, abs=12)
        assert own.items.good[places].mean() == pytest.approx(own.items.good.mean(), abs=0.12)
    train = own.items.take(own.places("train"))
    for seen, unseen in inner_folds(train, 0):
        assert not {train.groups[place] for place in seen} & {train.groups[place] for place in unseen}


def test_a_group_on_both_sides_of_given_splits_is_an_error() -> None:
    splits: list[Split | None] = ["train", "test", "train"]
    with pytest.raises(LabelsError, match=r"1 groups are in several splits[\s\S]*g: train: line 2: a, test: line 3: b"):
        given_splits(splits, ["g", "g", "h"], ["line 2: a", "line 3: b", "line 4: c"])
    with pytest.raises(LabelsError, match=r"1 rows have no split"):
        given_splits([*splits[:2], None], ["g", "h", "i"], ["a", "b", "c"])
    with pytest.raises(LabelsError, match="no row has the split test"):
        given_splits(["train", "train"], ["g", "h"], ["a", "b"])


def test_near_copies_equal_files_and_shared_group_names_are_one_group() -> None:
    embeddings = np.random.default_rng(0).normal(0, 1, (8, 200)).astype(np.float32)
    embeddings[5] = embeddings[1] + 0.01
    pairs = near_copies(embeddings)
    assert [pair[:2] for pair in pairs] == [(1, 5)]
    rows = [[row(place, 0.5)] for place in range(8)]
    rows[2], rows[3] = [row(2, 0.5, group="night")], [row(3, 0.5, group="night")]
    rows[4] = [row(4, 0.5, path=Path("006.png"))]
    groups = groups_of(rows, pairs)
    assert groups[1] == groups[5]
    assert groups[2] == groups[3] == "night"
    assert groups[4] == groups[6]
    assert len(set(groups)) == 5


def test_one_class_and_too_few_are_refused_with_what_is_needed() -> None:
    with pytest.raises(LabelsError, match=r"all 50 labels are good \(the cut is at 0\.5\)"):
        check_enough(np.ones(50, dtype=bool), 0.5)
    with pytest.raises(LabelsError, match=r"12 labelled items .* at least 40 are needed, with 8 of each class"):
        check_enough(np.arange(12) > 5, 0.5)
    with pytest.raises(LabelsError, match=r"are of 2 groups, and 6 are the least"):
        drawn(80, groups=2)


def test_nan_metrics_are_left_out_and_named() -> None:
    made = examples(120)
    made[3].entry.metrics["contrast"] = float("nan")
    del made[4].entry.metrics["sharpness"]
    warnings = Warnings()
    own = draw(made, (), METRICS, Choices(), warnings)
    assert len(own.examples) == 118
    assert "line 5: 005.png: contrast" in warnings.texts[0]
    assert "line 6: 006.png: sharpness" in warnings.texts[0]


def test_duplicates_are_merged_and_contradictions_dropped_and_both_are_named() -> None:
    first, second, third, fourth = (
        replace(one, key="k" if place < 2 else "m") for place, one in enumerate(examples(4))
    )
    labelled = [
        replace(one, row=replace(one.row, label=label))
        for one, label in zip((first, second, third, fourth), (0.9, 0.7, 0.9, 0.1), strict=True)
    ]
    warnings = Warnings()
    kept = merged(labelled, 0.5, warnings)
    assert [one.row.label for one in kept] == [pytest.approx(0.8)]
    assert len(kept[0].rows) == 2
    assert "both sides of the cut" in warnings.texts[0]
    assert "line 4: 004.png (0.9), line 5: 005.png (0.1)" in warnings.texts[0]
    assert "line 2: 002.png, line 3: 003.png" in warnings.texts[1]
