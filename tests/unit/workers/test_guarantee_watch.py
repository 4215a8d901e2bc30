"""The watch on a guarantee, and the plain alternatives to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from workers.guarantee import (
    Costs,
    GuaranteeError,
    ProbabilityError,
    RiskMonitor,
    Sample,
    by_capacity,
    by_cost,
    by_percentile,
)
from workers.guarantee.monitoring import bets, factors

few = settings(max_examples=30, deadline=None)


def watched(monitor: RiskMonitor, bad: np.ndarray, probability: float = 0.1) -> RiskMonitor:
    for one in bad.tolist():
        monitor.observe(one, probability)
    return monitor


@pytest.mark.parametrize("alpha", [0.02, 0.1, 0.4])
def test_no_bet_gains_on_average_while_the_guarantee_holds(alpha: float) -> None:
    for weight in (1.0, 0.3):
        good, bad = factors(bets(alpha), alpha, weight)
        assert (alpha * bad + (1 - alpha) * good <= 1 + 1e-12).all()
        assert (good > 0).all()


def test_a_watched_stream_alarms_falsely_in_at_most_delta_of_its_lives() -> None:
    alarmed = sum(
        watched(RiskMonitor(0.1, 0.1), np.random.default_rng(seed).random(400) < 0.1).alarmed for seed in range(100)
    )
    assert binom.sf(alarmed - 1, 100, 0.1) > 0.001


@pytest.mark.parametrize(("alpha", "excess", "before"), [(0.1, 0.1, 0), (0.1, 0.15, 200), (0.02, 0.08, 50)])
def test_it_alarms_within_the_number_that_it_says(alpha: float, excess: float, before: int) -> None:
    late = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        monitor = watched(RiskMonitor(alpha, 0.05, least_probability=0.1), rng.random(before) < alpha / 2)
        promised = monitor.audits_needed(excess)
        watched(monitor, rng.random(promised) < alpha + excess)
        late += not monitor.alarmed
    assert binom.sf(late - 1, 25, 0.05) > 0.001


def test_an_alarm_stays_and_names_its_audit() -> None:
    monitor = watched(RiskMonitor(0.1, 0.05), np.ones(20, dtype=bool))
    first = monitor.alarmed_at
    assert first is not None
    assert first < 20
    watched(monitor, np.zeros(200, dtype=bool))
    assert (monitor.alarmed, monitor.alarmed_at, monitor.audits, monitor.bad) == (True, first, 220, 20)
    assert monitor.risk == pytest.approx(20 / 220)


def test_fewer_audits_are_needed_for_more_excess_and_more_after_a_sound_time() -> None:
    monitor = RiskMonitor(0.1, 0.05)
    needed = [monitor.audits_needed(excess) for excess in (0.02, 0.05, 0.1, 0.3, 0.9)]
    assert needed == sorted(needed, reverse=True)
    assert watched(monitor, np.zeros(100, dtype=bool)).audits_needed(0.1) > needed[2]
    for excess in (0.0, -0.1, 0.95):
        with pytest.raises(GuaranteeError, match="excess"):
            monitor.audits_needed(excess)


def test_a_parent_that_was_seldom_audited_counts_for_more() -> None:
    rare, often = (RiskMonitor(0.1, 0.05, least_probability=0.01) for _ in range(2))
    for monitor, probability in ((rare, 0.01), (often, 0.5)):
        watched(monitor, np.ones(10, dtype=bool), probability)
    assert rare.alarmed
    assert not often.alarmed
    mixed = RiskMonitor(0.1, 0.05, least_probability=0.01)
    mixed.observe(True, 0.01)
    mixed.observe(False, 1.0)
    assert mixed.risk == pytest.approx(100 / 101)


def test_audits_of_unknown_or_too_small_probability_are_refused() -> None:
    monitor = RiskMonitor(0.1, 0.05)
    for probability in (0.0, float("nan"), 1.2):
        with pytest.raises(ProbabilityError):
            monitor.observe(False, probability)
    monitor.observe(False, 0.1)
    with pytest.raises(ProbabilityError, match="start the monitor with the least"):
        monitor.observe(False, 0.05)
    assert monitor.audits == 1


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    count = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = np.round(rng.random(count), 1)
    scores[rng.random(count) < 0.2] = -np.inf
    return Sample(scores, rng.random(count) < 0.4, rng.choice([0.2, 1.0], count))


def cost_of(sample: Sample, threshold: float, below: float, costs: Costs) -> float:
    accepted = sample.scores >= threshold
    rejected = np.isfinite(sample.scores) & (sample.scores < below) & ~accepted
    each = np.where(accepted, costs.false_accept * sample.bad, costs.review)
    each = np.where(rejected, costs.false_reject * ~sample.bad, each)
    return float(np.average(each, weights=sample.weights))


@few
@given(samples(), st.floats(0, 10), st.floats(0, 10), st.floats(0, 3))
def test_the_cheapest_edges_are_those_of_a_search_of_all(
    sample: Sample, accept: float, reject: float, look: float
) -> None:
    costs = Costs(accept, reject, look)
    found = by_cost(sample, costs)
    edges = [*np.unique(sample.scores[np.isfinite(sample.scores)]).tolist(), 2.0]
    least = min(cost_of(sample, high, low, costs) for high in edges for low in edges if low <= high)
    assert found.cost == pytest.approx(least)
    assert found.accepted + found.reviewed + found.rejected == pytest.approx(1.0)


@few
@given(samples(), st.floats(0, 1))
def test_a_percentile_accepts_no_more_than_its_share_and_as_much_as_it_can(sample: Sample, share: float) -> None:
    found = by_percentile(sample, share)
    assert found.accepted <= share + 1e-9
    above = sample.scores[np.isfinite(sample.scores)]
    rest = above[above < (2.0 if found.threshold is None else found.threshold)]
    if rest.size:
        laxer = sample.scores >= rest.max()
        assert sample.weights[laxer].sum() / sample.weights.sum() > share - 1e-9


@few
@given(samples(), st.floats(0, 1))
def test_review_is_kept_within_its_capacity(sample: Sample, capacity: float) -> None:
    try:
        found = by_capacity(sample, capacity, reject_below=0.3)
    except GuaranteeError as error:
        assert "whatever the threshold is" in str(error)  # noqa: PT017
        return
    assert found.reviewed <= capacity + 1e-9
    assert found.threshold is None or found.threshold >= 0.3


def test_alternatives_of_nothing_are_refused() -> None:
    nothing = Sample(np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0))
    with pytest.raises(GuaranteeError, match="no labels"):
        by_percentile(nothing, 0.5)
    with pytest.raises(GuaranteeError, match="no labels"):
        by_cost(nothing, Costs(1, 1, 1))
    some = Sample(np.ones(1), np.zeros(1, dtype=np.bool_), np.ones(1))
    with pytest.raises(GuaranteeError, match="within"):
        by_percentile(some, 1.5)
    with pytest.raises(GuaranteeError, match="costs"):
        by_cost(some, Costs(-1, 1, 1))
