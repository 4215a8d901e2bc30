"""Answers by index: as a dict would hold them, in a few bytes each."""

from __future__ import annotations

from itertools import chain
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregation.answers import ABSENT, FAILED, SKIPPED, Answers, replaces

values = st.one_of(st.floats(0.0, 1.0), st.sampled_from([FAILED, SKIPPED]))
near, far = st.integers(-40, 600), st.integers(-5_000, 2**31)


@given(places=st.lists(st.tuples(st.one_of(near, near, far), values), max_size=400), below=st.booleans())
def test_what_is_held_is_what_a_dict_would_hold(places: list[tuple[int, float]], below: bool) -> None:
    answers, wanted = Answers(), dict[int, float]()
    if below:
        answers.put(0, 0.5)
        wanted[0] = 0.5
    for place, value in places:
        at = place if below else abs(place)  # only after the first, which is 0, does one come below it
        assert answers.get(at) == wanted.get(at, ABSENT)
        (answers.replace if at in wanted else answers.put)(at, value)
        wanted[at] = value
    assert dict(answers.items()) == wanted
    assert answers.filled == len(wanted)
    assert answers.ordered()[-len(wanted) :] == sorted(wanted.values()) or not wanted
    assert answers.highest() == max(wanted, default=-1)
    assert not wanted or answers.lowest() == min(wanted)


COUNT = 100_000
ORDERS = {
    "in order": range(COUNT),
    "backwards": range(COUNT - 1, -1, -1),
    "at random": Random(1).sample(range(COUNT), COUNT),
    "from both ends": list(chain.from_iterable((n, COUNT - 1 - n) for n in range(COUNT // 2))),
    "after one far ahead": [2**31 - 1, *range(COUNT - 1)],
    "at random after one far ahead": [2**31 - 1, *Random(1).sample(range(COUNT - 1), COUNT - 1)],
    "backwards from the first": [0, *range(-1, -COUNT, -1)],
    "every tenth": range(0, 10 * COUNT, 10),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_long_parent_in_any_order_takes_little(order: str) -> None:
    answers = Answers()
    for place in ORDERS[order]:
        answers.put(place, 0.5)
    assert answers.filled == COUNT
    assert len(answers.far or ()) <= 1
    assert answers.cells <= (11 if order == "every tenth" else 2) * COUNT


def test_indices_that_lie_far_apart_make_no_long_row() -> None:
    answers = Answers()
    for place in range(0, 250 * 10_000, 250):
        answers.put(place, 0.5)
    assert answers.cells <= 20 * 10_000


@given(values=st.lists(values, min_size=1, max_size=6), draw=st.randoms(use_true_random=False))
def test_which_answer_stays_depends_on_no_order(values: list[float], draw: Random) -> None:
    def left(answers: list[float]) -> float:
        held = ABSENT
        for value in answers:
            held = value if replaces(value, held) else held
        return held

    scores = [value for value in values if value >= 0.0]
    assert left(values) == left(draw.sample(values, len(values))) == (min(scores) if scores else max(values))
