"""The statistics that heads are judged by: invariances, agreement with scikit-learn, coverage of the intervals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from workers.training.statistics import (
    Bins,
    UndefinedError,
    auc,
    cluster_bootstrap,
    confusion,
    ece,
    ece_by_chance,
    prevalence_weighted,
    prevalence_weights,
    reliability,
    roc,
    wilson,
)

Array = NDArray[np.float64]
KINDS: tuple[Bins, Bins] = ("mass", "width")
few = settings(max_examples=40, deadline=None)


@st.composite
def judged(draw: st.DrawFn) -> tuple[Array, Array]:
    """Labels of both classes, and scores on a coarse grid, so that ties are common."""
    count = draw(st.integers(2, 60))
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)), dtype=np.float64)
    labels[:2] = 0.0, 1.0
    scores = np.array(draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))) / 40
    return labels, scores


@few
@given(judged())
def test_auc_is_scikit_learns_and_the_area_of_the_curve_in_any_order(rows: tuple[Array, Array]) -> None:
    labels, scores = rows
    order = np.random.default_rng(len(labels)).permutation(len(labels))
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert auc(labels[order], scores[order]) == pytest.approx(auc(labels, scores), abs=1e-12)
    false, true = roc(labels, scores)
    assert (np.diff(false) >= 0).all()
    assert (np.diff(true) >= 0).all()
    assert (false[0], true[0], false[-1], true[-1]) == (0.0, 0.0, 1.0, 1.0)


@few
@given(judged())
def test_auc_knows_the_order_of_scores_alone(rows: tuple[Array, Array]) -> None:
    labels, scores = rows
    assert auc(labels, np.exp(3 * scores)) == pytest.approx(auc(labels, scores), abs=1e-12)
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores), abs=1e-12)
    assert auc(1 - labels, -scores) == pytest.approx(auc(labels, scores), abs=1e-12)


@few
@given(judged(), st.floats(0.01, 0.99))
def test_a_prevalence_changes_the_calibration_error_and_never_the_auc(rows: tuple[Array, Array], share: float) -> None:
    labels, scores = rows
    weights = prevalence_weights(labels, share)
    assert weights @ labels / weights.sum() == pytest.approx(share)
    assert weights.mean() == pytest.approx(1.0)
    assert prevalence_weighted(auc, share)(labels, scores) == pytest.approx(auc(labels, scores), abs=1e-9)


def test_at_another_prevalence_the_same_scores_are_calibrated_no_more() -> None:
    scores = np.repeat([0.2, 0.8], 500)
    labels = np.concatenate([np.arange(500) < 100, np.arange(500) < 400]).astype(np.float64)
    assert ece(labels, scores) == pytest.approx(0.0, abs=1e-12)
    # at 90% good, Bayes' rule makes 9/13 of the lower scores good, and 36/37 of the upper ones
    lower = np.array([9 * 0.2, 0.8]) / (9 * 0.2 + 0.8)
    upper = np.array([9 * 0.8, 0.2]) / (9 * 0.8 + 0.2)
    mass = 0.9 * 0.2 + 0.1 * 0.8
    wanted = mass * (lower[0] - 0.2) + (1 - mass) * (upper[0] - 0.8)
    assert prevalence_weighted(ece, 0.9)(labels, scores) == pytest.approx(wanted)


@few
@given(judged(), st.sampled_from(KINDS), st.integers(1, 12))
def test_every_item_is_in_one_bin_whatever_the_order(rows: tuple[Array, Array], kind: Bins, bins: int) -> None:
    labels, scores = rows
    found = reliability(labels, scores, bins=bins, kind=kind)
    assert sum(one.count for one in found) == len(labels)
    assert sum(one.weight for one in found) == pytest.approx(1.0)
    assert len(found) <= bins
    assert all(one.good_low <= one.good + 1e-12 for one in found)
    assert all(one.good <= one.good_high + 1e-12 for one in found)
    assert all(before.high < after.low for before, after in pairwise(found))  # ties share a bin
    order = np.random.default_rng(bins).permutation(len(labels))
    assert ece(labels[order], scores[order], bins=bins, kind=kind) == pytest.approx(
        ece(labels, scores, bins=bins, kind=kind)
    )
    assert 0.0 <= ece(labels, scores, bins=bins, kind=kind) <= 1.0


@few
@given(judged(), st.sampled_from(KINDS), st.lists(st.integers(1, 4), min_size=60, max_size=60))
def test_a_weight_is_a_repetition(rows: tuple[Array, Array], kind: Bins, times: list[int]) -> None:
    labels, scores = rows
    weights = np.array(times[: len(labels)])
    repeated = np.repeat(labels, weights), np.repeat(scores, weights)
    assert ece(labels, scores, weights, kind=kind) == pytest.approx(ece(*repeated, kind=kind))
    assert auc(labels, scores, weights) == pytest.approx(auc(*repeated))


def test_mass_bins_are_equally_full_and_width_bins_equally_wide() -> None:
    scores = np.linspace(0, 1, 100) ** 3
    labels = np.arange(100) % 2
    assert {one.count for one in reliability(labels, scores)} == {10}
    assert all(one.high - one.low <= 0.1 for one in reliability(labels, scores, kind="width"))


@pytest.mark.parametrize("kind", KINDS)
def test_calibrated_scores_have_the_error_that_chance_gives_and_shifted_ones_more(kind: Bins) -> None:
    rng = np.random.default_rng(5)
    scores = rng.random(2_000)
    labels = (rng.random(2_000) < scores).astype(np.float64)
    chance = ece_by_chance(scores, seed=1, kind=kind)
    assert 0.005 < chance < 0.04
    assert ece(labels, scores, kind=kind) < 2 * chance
    assert ece(labels, np.clip(scores + 0.2, 0, 1), kind=kind) > 4 * chance


@few
@given(judged(), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_each_threshold_parts_all_items(rows: tuple[Array, Array], thresholds: list[float]) -> None:
    labels, scores = rows
    for cut in confusion(labels, scores, thresholds):
        assert cut.good_accepted + cut.good_refused == labels.sum()
        assert cut.good_accepted + cut.bad_accepted == (scores >= cut.threshold).sum()
        assert cut.bad_accepted + cut.bad_refused == (1 - labels).sum()


def test_a_score_at_the_threshold_is_accepted() -> None:
    (cut,) = confusion([1, 0, 1], [0.7, 0.7, 0.69], [0.7])
    assert (cut.good_accepted, cut.bad_accepted, cut.good_refused, cut.bad_refused) == (1, 1, 1, 0)


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)
    assert wilson(10, 10) == pytest.approx((0.7224672, 1.0), abs=1e-6)


@few
@given(judged(), st.integers(0, 9))
def test_an_interval_is_the_same_in_any_order_and_for_any_names(rows: tuple[Array, Array], seed: int) -> None:
    labels, scores = np.tile(rows[0], 4), np.tile(rows[1], 4)
    groups = np.repeat(np.arange(4), len(rows[0]))
    found = cluster_bootstrap(auc, labels, scores, groups, seed=seed, repetitions=50)
    order = np.random.default_rng(seed).permutation(len(labels))
    moved = cluster_bootstrap(auc, labels[order], scores[order], groups[order], seed=seed, repetitions=50)
    named = cluster_bootstrap(auc, labels, scores, [f"source {one}" for one in groups], seed=seed, repetitions=50)
    for other in (moved, named):
        assert (other.low, other.high) == pytest.approx((found.low, found.high), abs=1e-12)
    assert found.groups == 4
    assert found.few_groups
    # four equal groups: every resample is the whole again
    assert (found.low, found.high) == pytest.approx((found.estimate, found.estimate), abs=1e-12)


def test_intervals_of_whole_groups_cover_the_truth_and_those_of_items_do_not() -> None:
    def covered(trials: int, *, by_group: bool) -> float:
        hits = 0
        for trial in range(trials):
            rng = np.random.default_rng(trial)
            groups = np.repeat(np.arange(25), 12)
            scores = np.clip(0.5 + np.repeat(rng.normal(0, 0.1, 25), 12) + rng.normal(0, 0.05, 300), 0, 1)
            own = groups if by_group else np.arange(300)
            found = cluster_bootstrap(
                lambda _, values: float(values.mean()), np.ones(300), scores, own, seed=trial, repetitions=100
            )
            hits += found.low <= 0.5 <= found.high
        return hits / trials

    assert covered(100, by_group=True) >= 0.87
    assert covered(30, by_group=False) <= 0.7


def test_two_scorers_are_compared_on_the_same_resamples() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 400).astype(np.float64)
    good = labels + rng.normal(0, 0.5, 400)
    pair = np.stack([good, good + rng.normal(0, 0.01, 400)], axis=1)
    found = cluster_bootstrap(
        lambda truth, both: auc(truth, both[:, 0]) - auc(truth, both[:, 1]),
        labels,
        pair,
        rng.integers(0, 20, 400),
        seed=0,
        repetitions=200,
    )
    assert found.high - found.low < 0.01  # each alone varies by some .03


def test_resamples_of_one_class_are_counted_and_too_many_are_refused() -> None:
    labels = np.repeat([1.0, 0.0], (50, 10))
    scores = np.linspace(1, 0, 60)
    groups = np.repeat(np.arange(6), 10)
    found = cluster_bootstrap(auc, labels, scores, groups, seed=0, repetitions=300)
    assert 50 < found.undefined < 150  # (5/6)^6 of 300
    assert "few" in str(found)
    with pytest.raises(UndefinedError, match="two groups"):
        cluster_bootstrap(auc, labels, scores, np.zeros(60), seed=0)
    with pytest.raises(UndefinedError, match="one class"):
        cluster_bootstrap(auc, np.ones(60), scores, groups, seed=0)
    with pytest.raises(UndefinedError, match="too few groups"):
        cluster_bootstrap(auc, labels[40:], scores[40:], np.repeat([0, 1], 10), seed=0, repetitions=7)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0.5, 1], [0.1, 0.2, 0.3], "cut soft ones"),
        ([0, 1], [0.1, float("nan")], "finite"),
        ([0, 1], [0.1], "shape"),
        ([1, 1], [0.1, 0.2], "one class"),
        ([], [], "no rows"),
    ],
)
def test_what_cannot_be_judged_says_why(labels: list[float], scores: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        auc(labels, scores)


def test_logits_have_no_calibration_error() -> None:
    with pytest.raises(ValueError, match=r"in \[0,1\]"):
        ece([0, 1], [-3.0, 2.0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        prevalence_weights([0, 1], 1.0)
