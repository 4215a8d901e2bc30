"""What the frames before a frame tell of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.media import Picture
from workers.metrics import frames
from workers.metrics.frames import RANGES, Around, Frame, around, sketch, step_ratio
from workers.neighbours import Place, settle

BRIGHT = {"black_share": 0.0}


def picture(level: int, size: tuple[int, int] = (48, 64), noise: int = 0, seed: int = 0) -> Picture:
    pixels = np.full((*size, 3), level, dtype=np.int64)
    pixels += np.random.default_rng(seed).integers(-noise, noise + 1, (*size, 1))
    return Picture(np.clip(pixels, 0, 255).astype(np.uint8))


def frame(level: int = 90, time_ms: int | None = None, **more: Any) -> Frame:
    return Frame(f"{level}{more}", time_ms, sketch(picture(level, **more)))


def told(index: int, one: Frame, before: Mapping[int, Frame], metrics: Mapping[str, float] = BRIGHT) -> Around:
    return around(index, one, before.get, metrics, RANGES)


def timed(*times: int | None) -> dict[int, Frame]:
    return {index: Frame(str(index), time) for index, time in enumerate(times)}


def test_the_difference_of_two_frames_is_that_of_their_levels() -> None:
    assert told(1, frame(141), {0: frame(90)}).metrics == {"frame_difference": pytest.approx(51 / 255)}
    assert told(1, frame(141), {0: frame(90)}).reasons == ()


def test_a_frame_that_repeats_the_one_before_is_frozen() -> None:
    assert told(7, frame(90), {6: frame(90)}) == ({"frame_difference": 0.0}, ("frozen_frame",))


def test_a_camera_that_sees_nothing_move_is_not_frozen() -> None:
    found = told(7, frame(90, noise=2, seed=1), {6: frame(90, noise=2, seed=2)})
    assert found.reasons == ()
    assert found.metrics["frame_difference"] > 2 * frames.FROZEN


def test_a_black_frame_is_black_and_not_also_frozen() -> None:
    found = told(7, frame(0), {6: frame(0)}, {"black_share": 1.0})
    assert found == ({"frame_difference": 0.0}, ("black_frame",))
    assert told(0, frame(0), {}, {"black_share": 1.0}).reasons == ("black_frame",)


def test_what_is_not_known_is_absent_and_not_zero() -> None:
    assert told(0, frame(), {}) == ({}, ())
    assert told(7, frame(), {5: frame(), 8: frame()}) == ({}, ())
    undecoded = Frame("bytes that nobody decoded", 40)
    assert told(7, frame(), {6: undecoded}) == ({}, ())


@pytest.mark.parametrize(
    ("times", "ratio"),
    [
        ((0, 40, 80, 120), 1.0),
        ((0, 40, 80, 160), 2.0),
        ((0, 33, 67, 100, 167), 67 / 33),  # one of 30 frames a second was lost
        ((0, 40, 80, 2080), 50.0),
        ((0, 40, 2040, 2080), 40 / 1020),  # two steps are known before it, one of them long
        ((0, 40, 80, 120, 2120, 2160), 1.0),  # after a gap, its length is no usual step
        ((0, 40, 30), 0.0),  # a clock that was set back
        ((0, 40), None),
        ((0, None, 80, 120), None),
        ((0, 0, 0, 40), None),
    ],
)
def test_a_step_is_measured_in_usual_steps(times: tuple[int | None, ...], ratio: float | None) -> None:
    *before, last = times
    found = told(len(before), Frame("last", last), timed(*before))
    assert found.metrics.get("step_ratio") == (None if ratio is None else pytest.approx(ratio))
    assert ("time_gap" in found.reasons) == (ratio is not None and ratio >= 1.75)


def test_the_same_frames_are_asked_for_whatever_else_is_known() -> None:
    asked: list[int] = []
    around(9, frame(time_ms=9), asked.append, BRIGHT, RANGES)
    assert sorted(set(asked)) == [5, 6, 7, 8]


def test_what_is_left_out_is_not_told() -> None:
    before = timed(0, 40, 80) | {2: frame(90, 80)}
    assert around(3, frame(90, 999), before.get, BRIGHT, {"step_ratio"}).reasons == ("time_gap",)
    assert around(3, frame(90, 999), before.get, BRIGHT, {"frame_difference"}).reasons == ("frozen_frame",)


@given(
    sizes=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    levels=st.tuples(st.integers(0, 255), st.integers(0, 255)),
    noise=st.integers(0, 255),
    times=st.lists(st.one_of(st.none(), st.integers(-(2**50), 2**50)), max_size=5),
    index=st.integers(0, 6),
)
def test_whatever_is_told_is_finite_and_within_its_range(
    sizes: tuple[int, int], levels: tuple[int, int], noise: int, times: list[int | None], index: int
) -> None:
    before = {place: frame(levels[0], time, size=sizes, noise=noise) for place, time in enumerate(times)}
    found = told(index, frame(levels[1], 2**40, size=sizes, noise=noise, seed=1), before)
    for name, value in found.metrics.items():
        low, high = RANGES[name]
        assert type(value) is float
        assert math.isfinite(value)
        assert low <= value <= high


def test_a_ratio_needs_a_step_to_compare_with() -> None:
    assert step_ratio([None, 0, 40, 80]) is None
    assert step_ratio([]) is None


def met(*deliveries: tuple[Place, Frame]) -> dict[Place, bytes]:
    stored: dict[Place, bytes] = {}
    for place, one in deliveries:
        stored[place] = settle(stored.get(place), [one])
    return stored


@given(st.lists(st.sampled_from([frame(10, 5), frame(20, 5), frame(10, 6), Frame(frame(10).content, 5)]), min_size=1))
def test_what_is_known_of_a_place_depends_on_the_frames_and_not_on_their_order(sent: Sequence[Frame]) -> None:
    place = ("video", 3)
    in_order = met(*((place, one) for one in sent))
    assert in_order == met(*((place, one) for one in reversed(sent)))
    assert in_order == met(*((place, one) for one in (*sent, *sent)))  # all of it is read again
    assert in_order[place] == settle(None, sent)  # and at once
    assert (in_order[place] == b"") == (len({(one.content, one.time_ms) for one in sent}) > 1)
