"""The learning curve: whole groups, the same draws for all models, and intervals that hold what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from workers.training.curves import Judged, attainable, learning_curve, subset
from workers.training.statistics import UndefinedError

Array = NDArray[np.float64]
Places = NDArray[np.int64]


def part(groups: int, each: int, seed: int) -> tuple[Judged, Array]:
    """A part whose labels a line through 20 features gives, with noise, and features (n, 20)."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(groups * each, 20)) + np.repeat(rng.normal(0, 0.3, (groups, 20)), each, axis=0)
    good = (features @ np.linspace(-1, 1, 20) + rng.normal(0, 1, groups * each) > 0).astype(np.float64)
    return Judged(good, [f"{seed}/{group}" for group in np.repeat(np.arange(groups), each)]), features


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(1, 15), st.integers(1, 100), st.integers(0, 5))
def test_a_subset_is_of_whole_groups_but_for_the_last_and_has_both_classes(
    groups: int, each: int, size: int, seed: int
) -> None:
    train, _ = part(groups, each, seed)
    size = min(size, len(train.good))
    rows = subset(train, size, (seed, 0))
    if not len(rows):
        return  # twenty orders had one class alone
    assert len(rows) == size == len(set(rows.tolist()))
    assert len(set(train.good[rows].tolist())) == 2
    taken = [train.groups[row] for row in rows.tolist()]
    cut = [group for group in set(taken) if taken.count(group) < each]
    assert len(cut) <= 1
    assert (subset(train, size, (seed, 0)) == rows).all()


def test_sizes_out_of_reach_become_all_labels() -> None:
    assert attainable((50, 100, 200, 400, 800), 330) == (50, 100, 200, 330)
    assert attainable((50, 100), 100) == (50, 100)
    assert attainable((50, 100), 1_000) == (50, 100)
    assert attainable((50,), 12) == (12,)


def test_more_labels_help_and_a_useless_model_stays_at_chance() -> None:
    (train, features), (test, others) = part(40, 10, 1), part(30, 10, 2)
    seen: dict[str, list[list[int]]] = {"linear": [], "blind": []}

    def linear(rows: Places, _seed: int) -> Array:
        seen["linear"].append(rows.tolist())
        model = LogisticRegression(C=0.1).fit(features[rows], train.good[rows])
        return np.asarray(model.decision_function(others))

    def blind(rows: Places, seed: int) -> Array:
        seen["blind"].append(rows.tolist())
        return np.random.default_rng(seed).random(len(others))

    steps: list[tuple[int, int]] = []
    points = learning_curve(
        {"linear": linear, "blind": blind},
        train,
        test,
        seed=3,
        sizes=(25, 100, 400),
        repeats=3,
        progress=lambda done, total: steps.append((done, total)),
    )
    found = {(point.model, point.labels): point for point in points}
    assert found["linear", 25].mean + 0.05 < found["linear", 100].mean < found["linear", 400].mean
    assert all(point.low <= point.mean <= point.high for point in points)
    assert all(found["blind", size].low < 0.5 < found["blind", size].high for size in (25, 100, 400))
    assert seen["linear"] == seen["blind"]  # the same draws
    assert steps == [(done, 18) for done in range(1, 19)]
    small = found["linear", 25]
    large = found["linear", 400]
    assert small.high - small.low > large.high - large.low  # the luck of the draw is in it


def test_one_test_group_leaves_the_spread_of_the_draws() -> None:
    (train, _), (test, others) = part(10, 10, 1), part(1, 40, 2)
    (point,) = learning_curve(
        {"random": lambda _, seed: np.random.default_rng(seed).random(len(others))}, train, test, seed=0, sizes=(50,)
    )
    assert 0.2 < point.low < point.mean < point.high < 0.8


def test_a_test_part_of_one_class_says_so() -> None:
    train, _ = part(5, 5, 1)
    with pytest.raises(UndefinedError, match="one class"):
        learning_curve({}, train, Judged(np.ones(3), ["a", "b", "c"]), seed=0)
