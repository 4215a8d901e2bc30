"""Thresholds with a guarantee: exact cases by hand, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from workers.guarantee import (
    GroupsError,
    GuaranteeError,
    ProbabilityError,
    Sample,
    betting,
    choose,
    choose_each,
    curve,
    delta_of_run,
    least_labels,
    split_delta,
)
from workers.guarantee.bounds import binomial_p, binomial_upper, most_bad
from workers.guarantee.grid import begin, enough

few = settings(max_examples=30, deadline=None)
levels = st.floats(0.01, 0.5)


def labels(good: int, bad: int, score: float = 0.8) -> Sample:
    scores = np.full(good + bad, score)
    return Sample(scores, np.arange(good + bad) < bad, np.ones(good + bad))


@pytest.mark.parametrize(("alpha", "delta", "least"), [(0.02, 0.05, 149), (0.1, 0.05, 29), (0.05, 0.1, 45)])
def test_so_many_good_labels_are_the_least(alpha: float, delta: float, least: int) -> None:
    assert least_labels(alpha, delta) == least
    enough, short = choose(labels(least, 0), alpha, delta), choose(labels(least - 1, 0), alpha, delta)
    assert (enough.threshold, enough.accepted, enough.upper_bound <= alpha) == (0.8, 1.0, True)
    assert (short.threshold, short.accepted, short.least_labels) == (None, 0.0, least)
    assert f"{least} labelled parents" in short.words
    assert "everything goes to review" in short.words


@few
@given(levels, levels, st.integers(0, 20))
def test_the_least_labels_are_where_the_test_begins_to_succeed(alpha: float, delta: float, bad: int) -> None:
    least = least_labels(alpha, delta, bad)
    assert binom.cdf(bad, least, alpha) <= delta + 1e-12
    assert binom.cdf(bad, least - 1, alpha) > delta - 1e-12
    assert most_bad(least, alpha, delta) == bad


@few
@given(st.integers(1, 300), st.data(), levels)
def test_the_tail_and_the_bound_are_scipys_and_agree(accepted: int, data: st.DataObject, alpha: float) -> None:
    bad = data.draw(st.integers(0, accepted))
    assert binomial_p(bad, accepted, alpha) == pytest.approx(binom.cdf(bad, accepted, alpha), abs=1e-12)
    bound = float(binomial_upper(bad, accepted, 0.05))
    assert bad == accepted or binomial_p(bad, accepted, bound) == pytest.approx(0.05, abs=1e-9)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Labels on a coarse grid of scores, better ones less often bad, some that no threshold accepts."""
    count = draw(st.integers(0, 400))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = np.round(rng.random(count), 2)
    bad = rng.random(count) < draw(st.floats(0.0, 0.5)) * (1.2 - scores)
    scores[rng.random(count) < 0.1] = -np.inf
    probability = np.where(rng.random(count) < 0.5, 0.5, 0.25) if draw(st.booleans()) else np.full(count, 0.3)
    return Sample(scores, bad, probability)


@few
@given(samples(), levels)
def test_what_is_chosen_passes_its_test_and_is_on_the_grid(sample: Sample, alpha: float) -> None:
    found = choose(sample, alpha, 0.05)
    if found.threshold is None:
        assert (found.accepted, found.accepted_labels) == (0.0, 0)
        assert "everything goes to review" in found.words
        return
    chosen = sample.scores >= found.threshold
    assert (found.accepted_labels, found.accepted_bad) == (chosen.sum(), (sample.bad & chosen).sum())
    assert found.accepted == pytest.approx(sample.weights[chosen].sum() / sample.weights.sum())
    assert found.upper_bound <= alpha + 1e-6
    assert round(found.threshold, 3) == found.threshold
    assert f"from {found.threshold:g} on" in found.words


@few
@given(samples(), st.integers(0, 5))
def test_the_order_of_equally_drawn_labels_changes_nothing(sample: Sample, seed: int) -> None:
    if sample.equally_drawn:
        mixed = sample.take(np.random.default_rng(seed).permutation(len(sample)))
        assert choose(mixed, 0.2, 0.05) == choose(sample, 0.2, 0.05, seed=seed)


def test_what_no_threshold_can_accept_counts_as_not_accepted_whatever_it_is() -> None:
    scores = np.concatenate([np.full(100, 0.8), np.full(100, -np.inf)])
    sample = Sample(scores, np.isneginf(scores), np.ones(200))
    found = choose(sample, 0.1, 0.05)
    assert (found.threshold, found.accepted, found.bad, found.accepted_bad) == (0.8, 0.5, 100, 0)
    assert choose(sample.take(np.arange(100, 200)), 0.1, 0.05).threshold is None


def test_an_empty_range_of_scores_is_not_accepted_for_free() -> None:
    assert choose(labels(200, 0, 0.9), 0.1, 0.05).threshold == 0.9


@pytest.mark.parametrize("probability", [0.0, float("nan"), -0.1, 1.5])
def test_labels_drawn_in_an_unknown_way_are_refused(probability: float) -> None:
    with pytest.raises(ProbabilityError, match="zero, unknown or above 1"):
        Sample(np.array([0.5]), np.array([True]), np.array([probability]))
    with pytest.raises(ProbabilityError, match="least probability"):
        Sample(np.array([0.5]), np.array([True]), np.array([0.1]), None, 0.2)


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan"), float("inf")])
def test_a_score_that_is_none_is_refused(score: float) -> None:
    with pytest.raises(GuaranteeError, match="scores must be"):
        Sample(np.array([score]), np.array([True]), np.ones(1))


@pytest.mark.parametrize(("alpha", "delta"), [(0.0, 0.05), (1.0, 0.05), (0.1, 0.0), (0.1, float("nan"))])
def test_levels_that_are_no_shares_are_refused(alpha: float, delta: float) -> None:
    with pytest.raises(GuaranteeError, match="above 0 and below 1"):
        choose(labels(10, 0), alpha, delta)


def test_a_claim_about_unseen_groups_takes_one_of_each_or_is_refused() -> None:
    scores, good, one = np.full(400, 0.8), np.zeros(400, dtype=np.bool_), np.ones(400)
    sample = Sample(scores, good, one, tuple(str(row % 40) for row in range(400)))
    found = choose(sample, 0.1, 0.05, one_per_group=True)
    assert (found.labels, found.threshold, found.unseen_groups) == (40, 0.8, True)
    assert "groups that are not among the labelled ones" in found.words
    assert "says nothing about others" in choose(sample, 0.1, 0.05).words
    assert choose(sample, 0.05, 0.05, one_per_group=True).threshold is None  # 40 sites are no 59
    with pytest.raises(GroupsError, match="needs the group"):
        choose(Sample(scores, good, one), 0.1, 0.05, one_per_group=True)
    with pytest.raises(GroupsError, match="equal probability"):
        choose(Sample(scores, good, np.linspace(0.1, 1, 400), sample.groups), 0.1, 0.05, one_per_group=True)


def test_several_sources_share_delta_or_say_that_they_do_not() -> None:
    both = {"a": labels(40, 0), "b": labels(30, 0)}
    joint, marginal = choose_each(both, 0.1, 0.05), choose_each(both, 0.1, 0.05, joint=False)
    assert [one.threshold for one in joint.values()] == [0.8, None]  # 36 are needed at half of delta
    assert [one.threshold for one in marginal.values()] == [0.8, 0.8]
    assert all("all 2 at once with confidence 95%" in one.words for one in joint.values())
    assert all("marginal" in one.words for one in marginal.values())


@few
@given(levels, st.lists(st.floats(0.1, 10), min_size=1, max_size=5))
def test_parts_of_delta_add_up_to_it(delta: float, shares: list[float]) -> None:
    parts = split_delta(delta, {str(place): share for place, share in enumerate(shares)})
    assert sum(parts.values()) == pytest.approx(delta)
    assert sum(delta_of_run(delta, run) for run in range(1, 2000)) <= delta


@few
@given(samples())
def test_the_curve_is_of_the_whole_sample(sample: Sample) -> None:
    found = curve(sample, 0.05, np.array([0.005, 0.5]))
    for place, level in enumerate((0.5, 0.005)):
        chosen = sample.scores >= level
        if chosen.any():
            wanted = sample.weights[chosen & sample.bad].sum() / sample.weights[chosen].sum()
            assert found.risk[place] == pytest.approx(wanted)
            assert found.accepted[place] == pytest.approx(sample.weights[chosen].sum() / sample.weights.sum())


def test_a_bet_of_equal_labels_without_a_bad_one_needs_as_few_as_the_binomial_test() -> None:
    good = np.zeros(149, dtype=np.bool_)
    assert betting.refuted(good, np.ones(149), 0.02, 0.05)
    assert not betting.refuted(good[:-1], np.ones(148), 0.02, 0.05)


@few
@given(st.integers(1, 300), st.integers(0, 1000), levels)
def test_the_bound_by_betting_is_below_alpha_where_the_test_refutes_it(count: int, seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    bad, weights = rng.random(count) < alpha / 3, rng.choice([0.1, 1.0], count)
    bound = betting.upper(bad, weights, alpha, 0.05)
    assert 0.0 < bound <= 1.0
    if abs(bound - alpha) > 2e-6:
        assert (bound < alpha) == betting.refuted(bad, weights, alpha, 0.05)


def test_the_strictest_thresholds_wait_for_enough_labels_but_for_no_more_than_a_third() -> None:
    assert enough(0.1, 0.05) > least_labels(0.1, 0.05)
    sizes = np.arange(1.0, 3001.0)
    assert begin(sizes, sizes / 3000, 0.1, 0.05) == enough(0.1, 0.05) - 1
    assert begin(sizes[:300], sizes[:300] / 300, 0.1, 0.05) == 99
    assert begin(sizes[:60], sizes[:60] / 60, 0.1, 0.05) == least_labels(0.1, 0.05) - 1
    assert begin(sizes[:28], sizes[:28] / 28, 0.1, 0.05) is None


def test_a_grid_of_ones_own_is_taken_from_the_strictest_on() -> None:
    assert choose(labels(100, 0), 0.1, 0.05, thresholds=np.array([0.25, 0.75, 0.9])).threshold == 0.75
    for wrong in (np.array([0.0, 0.5]), np.array([1.5]), np.zeros(0)):
        with pytest.raises(GuaranteeError, match="thresholds must be"):
            choose(labels(100, 0), 0.1, 0.05, thresholds=wrong)


def test_labels_that_were_drawn_unequally_are_worth_less_and_the_words_say_it() -> None:
    probability = np.where(np.arange(60) < 5, 0.01, 1.0)
    few_rare = Sample(np.full(60, 0.8), np.zeros(60, dtype=np.bool_), probability)
    found = choose(few_rare, 0.1, 0.05)
    assert (found.threshold, found.method) == (None, "betting")
    assert "60 here are worth 6" in found.words


@pytest.mark.parametrize(
    ("delta", "said"), [(0.05, "95%"), (0.1, "90%"), (0.0076, "99.24%"), (0.0001, "99.99%"), (0.5, "50%")]
)
def test_words_never_round_a_confidence_to_certainty(delta: float, said: str) -> None:
    assert f"with confidence {said}." in choose(labels(200, 0), 0.1, delta).words


def test_words_name_what_the_strictest_threshold_lacked() -> None:
    found = choose(labels(30, 10), 0.1, 0.05)
    assert "Of the 40 labels that the strictest threshold tested accepts, 10 are bad" in found.words
    assert f"at most {most_bad(40, 0.1, 0.05)} may be" in found.words
    assert (found.threshold, found.accepted_labels, found.bad) == (None, 0, 10)
