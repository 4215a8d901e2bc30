"""The bounds on the score of a parent of which k of n items are known: never left, and reached."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregation import aggregate, score_bounds
from aggregation.padded import Padded
from schemas.policy import Method

scores = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.2, 0.4, 0.7, 1.0]))
methods = st.one_of(
    st.sampled_from(["mean", "min"]).map(lambda name: Method.model_validate({"name": name})),
    st.sampled_from(["mid", "low"]).map(lambda which: Method.model_validate({"name": "median", "median": which})),
    st.floats(0.0, 0.4999).map(lambda share: Method(name="trimmed_mean", trim=share)),
    st.floats(0.0, 1.0).map(lambda q: Method(name="quantile", q=q)),
    st.floats(0.001, 1.0).map(lambda threshold: Method(name="share_below", threshold=threshold)),
)
ROUNDING = 1e-12


@given(known=st.lists(scores, max_size=30), others=st.lists(scores, max_size=30), never=st.integers(0, 30), how=methods)
def test_no_outcome_of_the_remaining_items_leaves_the_bounds(
    known: list[float], others: list[float], never: int, how: Method
) -> None:
    """Each of them may get any score, or none at all."""
    if not known and not others:
        return
    lower, upper = score_bounds(known, len(others) + never, how)
    assert lower - ROUNDING <= aggregate(known + others, how).score <= upper + ROUNDING


@given(known=st.lists(scores, max_size=30), remaining=st.integers(0, 30), how=methods)
def test_both_bounds_are_reached(known: list[float], remaining: int, how: Method) -> None:
    if not known and not remaining:
        return
    lower, upper = score_bounds(known, remaining, how)
    assert lower == aggregate([*known, *[0.0] * remaining], how).score
    assert upper == aggregate([*known, *[1.0] * remaining], how).score


@given(known=st.lists(scores, min_size=1, max_size=30), how=methods)
def test_the_bounds_meet_when_all_is_known(known: list[float], how: Method) -> None:
    assert score_bounds(known, 0, how) == (aggregate(known, how).score,) * 2


@pytest.mark.parametrize("name", ["mean", "median", "min", "trimmed_mean", "quantile", "share_below"])
def test_billions_of_remaining_items_take_no_memory(name: str) -> None:
    lower, upper = score_bounds([0.5, 0.6], 2**31, Method.model_validate({"name": name}))
    assert lower <= 1e-9
    assert upper == 0.5 if name == "min" else upper >= 0.99


def test_nothing_cannot_be_bounded() -> None:
    with pytest.raises(ValueError, match="no score"):
        score_bounds([], 0, Method())


padded = st.builds(Padded, st.integers(0, 5), st.lists(scores, max_size=5).map(sorted), st.integers(0, 5))


@given(inner=padded, zeros=st.integers(0, 3), ones=st.integers(0, 3), first=st.integers(0, 25), last=st.integers(0, 25))
def test_padding_is_as_if_it_were_there(inner: Padded, zeros: int, ones: int, first: int, last: int) -> None:
    written_out = [0.0] * zeros + list(inner) + [1.0] * ones
    found = Padded(zeros, inner, ones)
    assert list(found) == written_out
    assert list(found[first:last]) == written_out[first:last]
    assert [found[place] for place in range(-len(found), 0)] == written_out
    assert sum(found.addends) == pytest.approx(sum(written_out))
