from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from workers.experiments import (
    State,
    difference_bounds,
    fisher_test,
    mean_evidence,
    paired_evidence,
    pairs_needed,
    parents_needed,
    rate_bounds,
    sign_test,
    standing,
    two_arm_evidence,
)

RUNS, SIZE, ALPHA = 1_000, 1_500, 0.05
MOST_ALARMS = int(binom.ppf(0.999, RUNS, ALPHA))  # of 1,000 runs without a difference, within Monte-Carlo error


def _alarms(log_evidence: NDArray[np.float64]) -> int:
    """Return how many runs say `differs` at any of their looks."""
    return int((log_evidence.max(axis=-1) >= -np.log(ALPHA)).sum())


def _discordant(rng: np.random.Generator, plus: float, minus: float, size: int = SIZE) -> NDArray[np.int8]:
    drawn = rng.random((RUNS, size))
    found: NDArray[np.int8] = (drawn < plus).astype(np.int8) - (drawn > 1 - minus).astype(np.int8)
    return found


def test_in_shadow_an_a_a_test_that_is_looked_at_after_every_parent_keeps_its_error() -> None:
    rng = np.random.default_rng(1)
    assert _alarms(paired_evidence(_discordant(rng, 0.1, 0.1))) <= MOST_ALARMS
    assert _alarms(paired_evidence(_discordant(rng, 0.5, 0.5))) <= MOST_ALARMS


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_in_two_arms_an_a_a_test_keeps_its_error_also_where_the_rate_drifts(share: float) -> None:
    rng = np.random.default_rng(2)
    in_candidate = rng.random((RUNS, SIZE)) < share
    drifting = np.linspace(0.05, 0.6, SIZE)
    for rate in (0.3, drifting):
        outcome = rng.random((RUNS, SIZE)) < rate
        assert _alarms(two_arm_evidence(in_candidate, outcome, share)) <= MOST_ALARMS


def test_an_a_a_test_with_labels_drawn_unequally_keeps_its_error() -> None:
    rng = np.random.default_rng(3)
    # the parents on which the candidate alone is wrong are drawn far more often than those of the live side
    differences = _discordant(rng, 0.1, 0.1, 500)
    probability = np.where(differences > 0, 1.0, 0.2)
    drawn = rng.random(differences.shape) < probability
    weighted = np.where(drawn, differences / probability, 0.0)
    assert _alarms(mean_evidence(weighted, -5.0, 5.0)) <= MOST_ALARMS
    unweighted = paired_evidence(np.where(drawn, differences, 0).astype(np.int8))
    assert _alarms(unweighted) > RUNS / 2  # what the weights are for


def test_a_test_for_one_look_breaks_under_peeking_so_that_the_simulation_can_fail() -> None:
    differences = _discordant(np.random.default_rng(4), 0.1, 0.1)
    looks = np.arange(49, SIZE, 50)
    plus, minus = (np.cumsum(differences == side, axis=-1)[:, looks] for side in (1, -1))
    p_values = 2 * binom.cdf(np.minimum(plus, minus), plus + minus, 0.5)
    assert p_values[0, -1] == pytest.approx(sign_test(int(plus[0, -1]), int(minus[0, -1])))
    assert (p_values < ALPHA).any(axis=-1).sum() > 2 * MOST_ALARMS


def test_a_true_difference_in_shadow_is_found_with_the_size_that_was_told() -> None:
    needed = pairs_needed(0.06, 0.02, power=0.8)
    assert needed.sequential is not None
    assert needed.one_look < needed.sequential < 3 * needed.one_look
    found = _alarms(paired_evidence(_discordant(np.random.default_rng(5), 0.06, 0.02, needed.sequential)))
    assert found >= binom.ppf(0.001, RUNS, 0.72)  # the size itself is simulated, with 200 runs


def test_a_true_difference_between_arms_is_found_with_the_size_that_was_told() -> None:
    needed = parents_needed(0.2, 0.1, 0.5, power=0.8)
    assert needed.sequential is not None
    assert needed.one_look < needed.sequential < 3 * needed.one_look
    rng = np.random.default_rng(6)
    in_candidate = rng.random((RUNS, needed.sequential)) < 0.5
    outcome = rng.random((RUNS, needed.sequential)) < np.where(in_candidate, 0.1, 0.2)
    assert _alarms(two_arm_evidence(in_candidate, outcome, 0.5)) >= binom.ppf(0.001, RUNS, 0.72)


def test_a_size_is_the_same_every_time_and_none_where_there_is_no_difference() -> None:
    assert pairs_needed(0.2, 0.05) == pairs_needed(0.2, 0.05)
    # Connor's formula, by hand: (1.95996 * .5 + .84162 * sqrt(.25 - .15^2))^2 / .15^2 = 84.8
    assert pairs_needed(0.2, 0.05).one_look == 85
    for wrong in ((0.1, 0.1), (-0.1, 0.2)):
        with pytest.raises(ValueError, match="two different shares"):
            pairs_needed(*wrong)
    with pytest.raises(ValueError, match="add up"):
        pairs_needed(0.7, 0.4)


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60), st.integers(1, 60))
def test_what_comes_later_changes_nothing_of_the_evidence_before(found: list[int], cut: int) -> None:
    differences = np.array(found, dtype=np.int8)
    whole, part = paired_evidence(differences), paired_evidence(differences[:cut])
    assert np.allclose(whole[:cut], part)
    assert np.allclose(paired_evidence(-differences), whole)  # either side may be the better one


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_a_bet_on_the_next_arm_is_fair(found: list[tuple[bool, bool]], share: float) -> None:
    arms, outcomes = (np.array(column, dtype=np.bool_) for column in zip(*found, strict=True))
    grown = []
    for arm in (False, True):
        last = two_arm_evidence(np.append(arms, arm), np.append(outcomes, outcomes[0]), share)
        grown.append(np.exp(last[-1] - last[-2]))
    assert (1 - share) * grown[0] + share * grown[1] == pytest.approx(1.0)


@given(st.integers(0, 200), st.integers(0, 200))
def test_bounds_of_a_rate_enclose_it_and_narrow(found: int, others: int) -> None:
    low, high = rate_bounds(found, found + others, ALPHA)
    rate = found / (found + others) if found + others else 0.5
    assert 0.0 <= low <= rate <= high <= 1.0
    if found + others:
        wide = rate_bounds(found, found + others, ALPHA / 10)
        assert wide[0] <= low
        assert high <= wide[1]


def test_bounds_of_a_rate_hold_at_all_times_at_once() -> None:
    rng = np.random.default_rng(7)
    looks = [5, 20, 60, 150, 400]
    missed = 0
    for _ in range(200):
        counts = np.cumsum(rng.random(400) < 0.3)
        bounds = [rate_bounds(int(counts[n - 1]), n, ALPHA) for n in looks]
        missed += any(not low <= 0.3 <= high for low, high in bounds)
    assert missed <= binom.ppf(0.999, 200, ALPHA)
    assert difference_bounds((0.1, 0.2), (0.3, 0.5)) == pytest.approx((-0.4, -0.1))


def test_a_test_stands_where_its_evidence_says() -> None:
    clear = standing(paired_evidence(np.ones(20, dtype=np.int8)), ALPHA, 100)
    assert clear.state is State.DIFFERS
    assert clear.decided_at is not None
    assert clear.decided_at < 15
    back = np.concatenate([np.ones(20), -np.ones(20)]).astype(np.int8)
    assert standing(paired_evidence(back), ALPHA, 100).state is State.DIFFERS  # it stays, whatever comes after it
    even = np.array([1, -1] * 30, dtype=np.int8)
    assert standing(paired_evidence(even), ALPHA, 100).state is State.GO_ON
    assert standing(paired_evidence(even), ALPHA, 60).state is State.NO_DIFFERENCE_SHOWN
    assert standing(paired_evidence(even), ALPHA, None).state is State.GO_ON
    nothing = standing(paired_evidence(np.zeros(0, dtype=np.int8)), ALPHA, None)
    assert (nothing.evidence, nothing.looked_at, nothing.decided_at) == (1.0, 0, None)


def test_tests_for_one_look_are_the_exact_ones() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(8, 0) == pytest.approx(2 / 256)
    assert sign_test(3, 9) == sign_test(9, 3)
    assert fisher_test((1, 10), (9, 10)) == pytest.approx(0.001093, rel=1e-3)


def test_weighted_values_beyond_their_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="not within"):
        mean_evidence(np.array([0.0, 6.0]), -5.0, 5.0)
    with pytest.raises(ValueError, match="enclose zero"):
        mean_evidence(np.array([1.0]), 0.0, 5.0)
