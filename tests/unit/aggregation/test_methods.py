from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aggregation import aggregate, label_of
from schemas.policy import Label, Method, Thresholds

scores = st.floats(0.0, 1.0)
edges = Thresholds()


@given(st.lists(scores, min_size=1, max_size=200))
def test_mean_is_numpys(values: list[float]) -> None:
    assert aggregate(values, Method(name="mean")).score == pytest.approx(np.mean(values), abs=1e-12)


@given(st.lists(scores, min_size=1, max_size=200))
def test_median_is_numpys(values: list[float]) -> None:
    assert aggregate(values, Method(name="median")).score == pytest.approx(np.median(values), abs=1e-12)


@given(st.lists(scores, min_size=1))
def test_min_is_the_lowest(values: list[float]) -> None:
    assert aggregate(values, Method(name="min")).score == min(values)


def test_the_two_medians_of_an_even_number() -> None:
    values = [0.95, 0.92, 0.90, 0.10]
    assert aggregate(values, Method(median="mid")).score == pytest.approx(0.91)
    assert aggregate(values, Method(median="low")).score == 0.90


@pytest.mark.parametrize("trim", [0.0, 0.1, 0.25, 1 / 3, 0.49])
def test_trimmed_mean_is_scipys_for_every_length(trim: float) -> None:
    draw = np.random.default_rng(1)
    for count in range(1, 201):
        values = draw.random(count)
        found = aggregate(values.tolist(), Method(name="trimmed_mean", trim=trim))
        assert found.score == pytest.approx(stats.trim_mean(values, trim), abs=1e-12), count
        assert found.effective_trim == int(trim * count) / count


@pytest.mark.parametrize("name", ["mean", "median", "min", "trimmed_mean"])
@given(values=st.lists(scores, min_size=1, max_size=50), draw=st.randoms(use_true_random=False))
def test_no_order_changes_a_score(name: str, values: list[float], draw: random.Random) -> None:
    method = Method.model_validate({"name": name})
    shuffled = draw.sample(values, len(values))
    assert aggregate(values, method) == aggregate(shuffled, method)


@pytest.mark.parametrize("name", ["mean", "median", "trimmed_mean"])
@given(values=st.lists(scores, min_size=1, max_size=50))
def test_no_rounding_leaves_the_range_of_the_scores(name: str, values: list[float]) -> None:
    assert min(values) <= aggregate(values, Method.model_validate({"name": name})).score <= max(values)


def test_nothing_cannot_be_aggregated() -> None:
    with pytest.raises(ValueError, match="no score"):
        aggregate([], Method())


@pytest.mark.parametrize(
    ("score", "label"),
    [
        (1.0, Label.HIGH),
        (0.7, Label.HIGH),
        (0.6996, Label.MEDIUM),
        (math.nextafter(0.7, 0), Label.MEDIUM),
        (0.4, Label.MEDIUM),
        (math.nextafter(0.4, 0), Label.LOW),
        (0.2, Label.LOW),
        (math.nextafter(0.2, 0), Label.REJECTED),
        (0.0, Label.REJECTED),
    ],
)
def test_an_edge_belongs_to_the_band_above(score: float, label: Label) -> None:
    assert label_of(score, edges) is label


def test_a_million_scores_fall_in_one_band_each() -> None:
    drawn = np.random.default_rng(2).random(1_000_000)
    bands = (
        (drawn >= edges.high),
        (drawn >= edges.medium) & (drawn < edges.high),
        (drawn >= edges.low) & (drawn < edges.medium),
        (drawn < edges.low),
    )
    assert (np.sum(bands, axis=0) == 1).all()
    wanted = np.select(bands, [0, 1, 2, 3])
    places = {label: place for place, label in enumerate((Label.HIGH, Label.MEDIUM, Label.LOW, Label.REJECTED))}
    found = np.fromiter((places[label_of(score, edges)] for score in drawn.tolist()), dtype=np.int64)
    assert (found == wanted).all()


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, -0.001, 1.001])
def test_what_is_no_score_gets_no_label(score: float) -> None:
    with pytest.raises(ValueError, match="must be in"):
        label_of(score, edges)
