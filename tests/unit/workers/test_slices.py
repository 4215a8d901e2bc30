"""Rates of slices: intervals that keep their word, planted slices that are found, and none that are found in noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from workers.slices.auditing import Bound, audit
from workers.slices.estimates import clopper_pearson, mean, share
from workers.slices.outcomes import RATES, Cases, rate
from workers.slices.ranking import area
from workers.training.statistics import auc

Flags = NDArray[np.bool_]
BOUND = (Bound("false_accept_rate", 0.1),)


def _cases(accepted: Flags, bad: Flags, **other: NDArray[np.float64] | NDArray[np.str_]) -> Cases:
    return Cases(accepted, ~accepted, bad, **other)  # type: ignore[arg-type]


@given(st.integers(1, 60), st.data())
def test_an_exact_interval_holds_the_share_and_shrinks_with_more_rows(count: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, count))
    low, high = clopper_pearson(hits, count)
    assert 0.0 <= low <= hits / count <= high <= 1.0
    wide = clopper_pearson(10 * hits, 10 * count)
    assert wide[1] - wide[0] < high - low


@pytest.mark.parametrize("count", [1, 7, 40])
def test_an_exact_interval_covers_every_share_at_its_level(count: int) -> None:
    ends = [clopper_pearson(hits, count) for hits in range(count + 1)]
    for truth in np.linspace(0.0, 1.0, 21):
        covered = sum(binom.pmf(hits, count, truth) for hits, (low, high) in enumerate(ends) if low <= truth <= high)
        assert covered >= 0.95 - 1e-9


def test_nothing_to_judge_by_has_no_figure_and_says_nothing() -> None:
    found = share(np.zeros(0, np.bool_))
    assert (found.value, found.low, found.high, found.count) == (None, 0.0, 1.0, 0)


def test_rows_of_one_group_are_not_taken_for_so_many_rows() -> None:
    random = np.random.default_rng(2)
    groups = np.repeat([f"site-{number}" for number in range(20)], 30)
    hits = np.repeat(random.random(20) < 0.3, 30)  # all rows of a site are alike
    naive, honest = share(hits), share(hits, groups=groups)
    assert honest.method == "groups"
    assert honest.high - honest.low > 3 * (naive.high - naive.low)
    assert not honest.few_groups


def test_groups_that_agree_count_as_one_row_each() -> None:
    groups = np.repeat(["a", "b", "c"], 100)
    found = share(np.zeros(300, np.bool_), groups=groups)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == clopper_pearson(0, 3)[1]
    assert found.few_groups


def test_a_slice_of_one_group_is_about_that_one_and_is_marked() -> None:
    hits = np.arange(20) < 3
    found = share(hits, groups=np.array(["camera-1"] * 20))
    assert (found.low, found.high) == clopper_pearson(3, 20)
    assert found.few_groups
    alone = share(hits, groups=np.array([str(number) for number in range(20)]))  # each row is a group of its own
    assert (alone.groups, alone.method) == (0, "exact")


def test_a_mean_has_an_interval_in_its_range() -> None:
    values = np.random.default_rng(3).random(200)
    found = mean(values)
    assert found.value is not None
    assert 0.0 < found.low < found.value < found.high < 1.0
    assert mean(values[:1]).high == 1.0


def test_rates_are_what_they_are_called() -> None:
    accepted = np.array([True, True, True, False, False, False])
    rejected = np.array([False, False, False, True, False, True])
    bad = np.array([True, False, False, False, False, True])
    cases = Cases(accepted, rejected, bad)
    found = {name: rate(name, cases).value for name in RATES}
    assert found == {
        "false_accept_rate": 1 / 2,
        "false_reject_rate": 1 / 4,
        "held_back_rate": 2 / 4,
        "bad_among_accepted": 1 / 3,
        "wrong_rate": 2 / 6,
    }


def _streams(random: np.random.Generator, rates: dict[str, float], each: int) -> tuple[Cases, list[str]]:
    names = np.repeat(list(rates), each)
    bad = random.random(len(names)) < 0.5
    accepted = np.where(bad, random.random(len(names)) < np.array([rates[name] for name in names]), True)
    return _cases(accepted, bad), list(names)


def test_a_source_that_turned_bad_comes_first_and_alarms_alone() -> None:
    rates = {f"camera-{number}": 0.05 for number in range(8)} | {"camera-3": 0.5}
    cases, names = _streams(np.random.default_rng(4), rates, 100)
    first, *others = audit(cases, names, BOUND)
    assert (first.name, first.alarmed, first.count) == ("camera-3", True, 100)
    assert first.rates["false_accept_rate"].low > 0.1
    assert not any(one.alarmed for one in others)


def test_a_slice_may_have_a_bound_of_its_own() -> None:
    rates = {"quiet": 0.02, "loud": 0.5}
    cases, names = _streams(np.random.default_rng(5), rates, 200)
    found = audit(cases, names, [Bound("false_accept_rate", 0.1, {"loud": 0.8})])
    assert {one.name: one.standings["false_accept_rate"] for one in found} == {"loud": "within", "quiet": "within"}


def test_a_few_wrong_ones_are_above_a_bound_without_an_alarm() -> None:
    cases = _cases(np.array([True, False, False]), np.array([True, True, True]))
    (found,) = audit(cases, ["new"] * 3, BOUND)
    assert found.standings == {"false_accept_rate": "above"}
    assert not found.alarmed
    (none,) = audit(_cases(np.array([True]), np.array([False])), ["clean"], BOUND)
    assert none.standings == {"false_accept_rate": "unknown"}
    assert audit(cases, [None] * 3, BOUND) == ()


def test_slices_just_at_their_bound_alarm_as_seldom_as_was_asked_for() -> None:
    random = np.random.default_rng(6)
    rates = {f"camera-{number}": 0.1 for number in range(10)}
    alarmed = 0
    for _ in range(100):
        cases, names = _streams(random, rates, 60)
        alarmed += any(one.alarmed for one in audit(cases, names, BOUND))
    assert alarmed <= binom.ppf(0.999, 100, 0.05)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_few_groups_never_raise_an_alarm(size: int) -> None:
    random = np.random.default_rng(11)
    groups = np.repeat([f"site-{number}" for number in range(size)], 20)
    bad, seen = np.ones(len(groups), np.bool_), set()
    for _ in range(20):  # the sites of a slice whose rate is the bound on average
        accepted = random.random(len(groups)) < np.repeat(random.beta(0.5, 4.5, size), 20)
        (found,) = audit(_cases(accepted, bad, groups=groups), ["new"] * len(groups), BOUND)
        seen.add(found.standings["false_accept_rate"])
    assert seen == {"above", "unsure"}
    alone = _cases(bad, bad, groups=np.repeat("site-0", len(groups)))
    assert audit(alone, ["new"] * len(groups), BOUND)[0].alarmed  # about that very site


def test_an_area_is_that_of_the_curve_and_its_interval_is_never_without_width() -> None:
    random = np.random.default_rng(7)
    bad = random.random(300) < 0.4
    scores = np.round(random.normal(0.6, 0.2, 300) - 0.2 * bad, 1).astype(np.float64)
    weights = random.uniform(1, 3, 300)
    found = area(scores, bad, weights)
    assert found.value == pytest.approx(auc((~bad).astype(float), scores, weights))
    assert found.value is not None
    assert found.low < found.value < found.high
    assert found.count == bad.sum()
    perfect = area(-1.0 * bad.astype(np.float64), bad)
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    assert 0.9 < perfect.low < 1.0
    groups = np.array([f"g{number % 25}" for number in range(300)])
    by_groups = area(scores, bad, groups=groups)
    assert by_groups.low < found.value < by_groups.high
    assert 0.0 < area(-1.0 * bad.astype(np.float64), bad, groups=groups).low < 1.0
    assert area(scores, np.ones(300, np.bool_)).value is None


def test_an_interval_of_an_area_covers_the_true_one() -> None:
    random = np.random.default_rng(8)
    truth, missed = 0.92135, 0  # of normal scores two standard deviations apart
    for _ in range(150):
        bad = np.arange(60) < 20
        found = area(np.where(bad, 0.0, 2.0) + random.normal(size=60), bad)
        missed += not found.low <= truth <= found.high
    assert missed <= binom.ppf(0.999, 150, 0.05)
