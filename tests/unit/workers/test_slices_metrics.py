"""Metrics beside errors: what was planted is found, and nothing is found in noise, also where rows are not alike."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, spearmanr

from workers.slices.curves import binned, curve
from workers.slices.draws import combined, draws
from workers.slices.outcomes import Cases
from workers.slices.relations import relations

Array = NDArray[np.float64]
SIMULATED = 100
MOST_BY_CHANCE = int(binom.ppf(0.999, SIMULATED, 0.05))


def _noise(random: np.random.Generator, count: int, metrics: int) -> dict[str, Array]:
    return {f"m{number}": random.normal(size=count) for number in range(metrics)}


def test_a_planted_trend_is_found_among_many_metrics_and_no_other() -> None:
    random = np.random.default_rng(1)
    metrics = _noise(random, 400, 20)
    errors = random.random(400) < 1 / (1 + np.exp(2.0 - 1.2 * metrics["m7"]))
    first, *others = relations(metrics, errors)
    assert (first.name, first.shape) == ("m7", "rises")
    assert first.correlation == pytest.approx(spearmanr(metrics["m7"], errors).statistic)
    assert first.trend_p < 0.01
    assert {one.shape for one in others} == {"none"}
    assert (first.count, first.errors, first.tested) == (400, int(errors.sum()), 400)


def test_errors_at_both_ends_of_a_metric_are_found_though_they_are_no_trend() -> None:
    random = np.random.default_rng(2)
    metrics = _noise(random, 600, 10)
    errors = random.random(600) < np.where(np.abs(metrics["m3"]) > 1.0, 0.6, 0.1)
    first = relations(metrics, errors)[0]
    assert (first.name, first.shape) == ("m3", "other")
    assert first.information is not None
    assert first.by_chance is not None
    assert first.information > 5 * first.by_chance


def test_nothing_is_found_in_noise_more_often_than_was_asked_for() -> None:
    random = np.random.default_rng(3)
    found = 0
    for seed in range(SIMULATED):
        metrics = _noise(random, 80, 4)
        metrics["coarse"] = np.round(metrics["m0"])
        metrics["partly"] = np.where(random.random(80) < 0.5, np.nan, metrics["m1"])
        errors = random.random(80) < 0.2
        found += any(one.shape != "none" for one in relations(metrics, errors, permutations=99, seed=seed))
    assert found <= MOST_BY_CHANCE


def test_sites_that_differ_in_a_metric_and_in_errors_are_no_finding() -> None:
    random = np.random.default_rng(4)
    naive = honest = 0
    groups = np.repeat([f"site-{number}" for number in range(12)], 25)
    for seed in range(30):
        metrics = {"m": np.repeat(random.normal(size=12), 25) + 0.1 * random.normal(size=300)}
        errors = random.random(300) < np.repeat(random.uniform(0.05, 0.6, 12), 25)
        naive += relations(metrics, errors, permutations=99, seed=seed)[0].shape != "none"
        (one,) = relations(metrics, errors, groups=groups, permutations=99, seed=seed)
        honest += one.shape != "none"
        assert one.tested == 12
    assert naive > 10
    assert honest <= binom.ppf(0.999, 30, 0.05)


def test_kinds_that_differ_in_a_metric_and_in_errors_are_no_finding() -> None:
    random = np.random.default_rng(5)
    kinds = ["image"] * 200 + ["mri-slice"] * 200
    metrics = {"m": np.concatenate([random.normal(0, 1, 200), random.normal(5, 1, 200)])}
    errors = random.random(400) < np.repeat([0.05, 0.5], 200)
    assert relations(metrics, errors)[0].shape == "rises"
    assert relations(metrics, errors, strata=kinds)[0].shape == "none"


def test_drawing_doubtful_ones_more_often_makes_no_finding() -> None:
    random = np.random.default_rng(6)
    found = 0
    for seed in range(30):
        metric, score = random.normal(size=4_000), random.random(4_000)
        errors = random.random(4_000) < np.where(score < 0.3, 0.5, 0.1)
        probability = np.where((score < 0.3) & (metric > 0), 0.4, 0.05)
        drawn = random.random(4_000) < probability
        weights = 1.0 / probability[drawn]
        (one,) = relations({"m": metric[drawn]}, errors[drawn], weights=weights, permutations=99, seed=seed)
        found += one.shape != "none"
    assert found <= binom.ppf(0.999, 30, 0.05)


def test_what_cannot_be_told_has_no_figure() -> None:
    flat = {"flat": np.ones(50), "gone": np.full(50, np.nan)}
    assert {one.correlation for one in relations(flat, np.arange(50) < 10)} == {None}
    (none,) = relations({"m": np.arange(50.0)}, np.zeros(50, np.bool_))
    assert (none.correlation, none.shape, none.trend_p) == (None, "none", 1.0)
    assert relations({"m": np.empty(0)}, np.zeros(0, np.bool_))[0].count == 0
    with pytest.raises(ValueError, match="another length"):
        relations({"m": np.ones(3)}, np.zeros(4, np.bool_))


def test_the_same_seed_gives_the_same_figures() -> None:
    random = np.random.default_rng(7)
    metrics, errors = _noise(random, 100, 4), random.random(100) < 0.3
    groups = np.array([str(number // 2) for number in range(100)])
    assert relations(metrics, errors, groups=groups, seed=5) == relations(metrics, errors, groups=groups, seed=5)


def test_errors_that_grow_with_a_metric_are_a_rising_curve() -> None:
    random = np.random.default_rng(8)
    noise = random.random(500)
    bad = random.random(500) < 0.5
    accepted = np.where(bad, random.random(500) < noise, True)
    cases = Cases(accepted, ~accepted, bad)
    noise[:20] = np.nan
    found = curve("noise", noise, cases, "false_accept_rate")
    rates = [one.rate.value or 0.0 for one in found.bins]
    assert len(rates) == 5
    assert rates == sorted(rates)
    assert (found.trend.shape, found.missing) == ("rises", 20)
    assert all(one.low <= one.middle <= one.high for one in found.bins)
    flat = curve("other", random.random(500), cases, "false_accept_rate")
    assert flat.trend.shape == "none"


def test_equal_values_share_a_bin_and_missing_ones_have_none() -> None:
    values = np.array([1.0] * 50 + [2.0] * 5 + [3.0] * 45 + [np.nan])
    places = binned(values)
    assert places[-1] == -1
    assert len({*places[:50]}) == len({*places[55:100]}) == 1
    assert list(places[:100]) == sorted(places[:100])
    assert {*binned(np.arange(100.0), bins=4)} == {0, 1, 2, 3}


def test_draws_leave_independent_rows_as_they_are_and_take_one_of_each_group() -> None:
    (whole,) = draws(5, None, None, 0)
    assert list(whole) == [0, 1, 2, 3, 4]
    assert len(draws(5, np.full(5, 3.0), ["a", "b", "c", "d", "e"], 0)) == 1
    groups = ["a", "a", "b", "b", "b"]
    for rows in draws(5, None, groups, 0):
        assert sorted(groups[row] for row in rows) == ["a", "b"]
    weights = np.array([1.0] * 1_000 + [4.0] * 1_000)
    kept = np.mean([[(rows < 1_000).sum(), (rows >= 1_000).sum()] for rows in draws(2_000, weights, None, 1)], axis=0)
    assert kept[1] == 1_000
    assert kept[0] == pytest.approx(250, abs=20)


def test_p_values_of_several_draws_are_twice_their_median() -> None:
    assert list(combined(np.array([[0.3, 0.01]]))) == [0.3, 0.01]
    assert list(combined(np.array([[0.3, 0.01], [0.7, 0.02], [0.9, 0.04]]))) == [1.0, 0.04]
