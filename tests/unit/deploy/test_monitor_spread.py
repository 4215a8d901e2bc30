"""The spread of scores is that of numpy, whatever parts the scores come in."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.monitor.spread import DECILES, Scores, Spread, spread

RANK_ERROR = 0.01  # of the digest, as its compression promises
ROUNDING = 1e-9  # a centroid is a mean, also of equal scores
_scores = st.lists(st.floats(0.0, 1.0, allow_nan=False), min_size=1, max_size=300)


def _parts(values: list[float], cuts: int, *, settled: bool) -> list[Scores]:
    parts = []
    for chunk in np.array_split(np.array(values), cuts):
        part = Scores()
        for value in chunk:
            part.add(float(value))
        if settled:
            part.settle()
        parts.append(part)
    return parts


def _rank_error(found: Spread, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Return how far the deciles are from their rank, at most; a value that occurs often has many ranks."""
    ordered, worst = np.sort(values), 0.0
    for rank, value in zip(DECILES, found.deciles, strict=True):
        below = np.searchsorted(ordered, value - ROUNDING, "left") / len(ordered)
        up_to = np.searchsorted(ordered, value + ROUNDING, "right") / len(ordered)
        worst = max(worst, below - rank, rank - up_to)
    return worst


@settings(deadline=None, max_examples=40)
@given(values=_scores, cuts=st.integers(1, 7), settled=st.booleans())
def test_count_extremes_mean_and_deviation_are_those_of_numpy(values: list[float], cuts: int, settled: bool) -> None:
    found = spread(_parts(values, cuts, settled=settled))
    assert found is not None
    assert (found.n, found.low, found.high) == (len(values), min(values), max(values))
    assert found.mean == pytest.approx(np.mean(values), abs=1e-12)
    assert found.std == pytest.approx(np.std(values), abs=1e-7)
    assert _rank_error(found, np.array(values)) <= RANK_ERROR + 1 / len(values)


@settings(deadline=None, max_examples=40)
@given(values=_scores, cuts=st.integers(1, 7), settled=st.booleans(), seed=st.randoms(use_true_random=False))
def test_the_order_within_a_part_changes_nothing(
    values: list[float], cuts: int, settled: bool, seed: random.Random
) -> None:
    parts, again = _parts(values, cuts, settled=settled), []
    for chunk in np.array_split(np.array(values), cuts):
        shuffled = list(chunk)
        seed.shuffle(shuffled)
        again += _parts([float(value) for value in shuffled], 1, settled=settled)
    assert spread(again) == spread(parts)


@pytest.mark.parametrize("shape", ["even", "high", "two heaps", "few values"])
def test_deciles_of_many_merged_parts_are_within_the_rank_error(shape: str) -> None:
    rng = np.random.default_rng(7)
    values = {
        "even": rng.random(60_000),
        "high": rng.beta(8, 2, 60_000),
        "two heaps": np.concatenate([rng.beta(2, 30, 30_000), rng.beta(30, 2, 30_000)]),
        "few values": rng.choice([0.1, 0.5, 0.9], 60_000),
    }[shape]
    found = spread(_parts(list(values), 360, settled=True))
    assert found is not None
    assert _rank_error(found, values) <= RANK_ERROR


def test_a_score_that_is_replaced_is_gone_and_one_that_stays_is_not() -> None:
    part = Scores()
    part.add(0.5)
    part.add_replaceable(("a", "whole"), 0.1)
    part.add_replaceable(("b", "whole"), 0.9)
    part.remove(("a", "whole"))
    part.keep(("b", "whole"))
    part.remove(("b", "whole"))
    found = spread([part])
    assert found is not None
    assert (found.n, found.low, found.high) == (2, 0.5, 0.9)


def test_nothing_has_no_spread() -> None:
    part = Scores()
    part.settle()
    assert spread([part]) is None
