"""Rates of labels that were drawn with unequal probabilities: intervals that keep their word."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from workers.slices.auditing import audit
from workers.slices.estimates import share
from workers.slices.outcomes import Cases, rate
from workers.slices.ranking import area


def test_weights_undo_that_some_rows_were_drawn_more_often() -> None:
    random = np.random.default_rng(1)
    doubtful = random.random(200_000) < 0.2
    wrong = random.random(len(doubtful)) < np.where(doubtful, 0.4, 0.02)
    probability = np.where(doubtful, 0.05, 0.005)
    drawn = random.random(len(doubtful)) < probability
    found = share(wrong[drawn], 1.0 / probability[drawn])
    assert found.method == "weighted"
    assert found.low < wrong.mean() < found.high
    assert share(wrong[drawn]).low > wrong.mean()  # without them it would be far off


def _audited(random: np.random.Generator, parents: int, truth: float, probabilities: tuple[float, float]) -> Cases:
    """Return labelled parents of a slice, half of them bad: accepted ones are drawn more seldom than rejected ones."""
    bad = random.random(parents) < 0.5
    accepted = random.random(parents) < np.where(bad, truth, 0.9)
    probability = np.where(accepted, *probabilities)
    drawn = random.random(parents) < probability
    return Cases(accepted[drawn], ~accepted[drawn], bad[drawn], 1.0 / probability[drawn])


@pytest.mark.parametrize(
    ("parents", "truth", "probabilities"),
    [(2_000, 0.05, (0.01, 0.1)), (2_000, 0.1, (0.01, 0.1)), (1_000, 0.2, (0.02, 1.0)), (4_000, 0.1, (0.05, 0.1))],
)
def test_a_weighted_interval_covers_the_truth_also_where_few_of_the_heavy_rows_were_drawn(
    parents: int, truth: float, probabilities: tuple[float, float]
) -> None:
    random = np.random.default_rng(9)
    missed = above = 0
    for _ in range(300):
        cases = _audited(random, parents, truth, probabilities)
        found = rate("false_accept_rate", cases)
        missed += not found.low <= truth <= found.high
        above += rate("false_accept_rate", cases, level=0.9).low > truth
    most = binom.ppf(0.999, 300, 0.05)
    assert missed <= most
    assert above <= most


def test_a_slice_without_a_heavy_row_knows_how_heavy_one_would_have_been() -> None:
    accepted = np.array([True, True] + [False] * 100)
    weights = np.where(accepted, 100.0, 1.0)
    cases = Cases(accepted, ~accepted, np.array([False, False] + [True] * 100), weights)
    found = {one.name: one.rates["false_accept_rate"] for one in audit(cases, ["a"] * 52 + ["b"] * 50)}
    assert found["b"].value == 0.0
    assert found["b"].method == "weighted"
    assert found["b"].high > 0.9  # fifty rejected parents are as many as half an accepted one
    assert found["b"].high == pytest.approx(found["a"].high)


def test_weights_over_groups_are_no_surer_than_over_independent_rows() -> None:
    random = np.random.default_rng(10)
    cases = _audited(random, 2_000, 0.05, (0.01, 0.1))
    groups = np.array([f"site-{number % 30}" for number in range(len(cases))])
    alone = share(cases.accepted, cases.weights, heaviest=cases.heaviest)
    grouped = share(cases.accepted, cases.weights, groups, heaviest=cases.heaviest)
    assert grouped.low <= alone.low < alone.high <= grouped.high


def test_an_interval_of_an_area_covers_the_true_one_also_with_weights() -> None:
    random = np.random.default_rng(12)
    truth, missed = 0.92135, 0  # of normal scores two standard deviations apart
    for _ in range(200):
        bad = random.random(2_000) < 0.1
        scores = np.where(bad, 0.0, 2.0) + random.normal(size=2_000)
        probability = np.where(scores > 1.2, 0.02, 1.0)
        drawn = random.random(2_000) < probability
        found = area(scores[drawn], bad[drawn], 1.0 / probability[drawn])
        missed += not found.low <= truth <= found.high
    assert missed <= binom.ppf(0.999, 200, 0.05)
