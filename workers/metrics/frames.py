"""What a frame of a video shows beside the frames before it: whether it stands still, is black, or comes late.

A value here depends on other items. So it is no part of what is cached of one, no head looks at it, and it is absent
where a frame that it needs is not known: never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.media import Picture

REACH: Final = 4  # frames back: three steps make out what is usual
FROZEN: Final = 0.001  # of full scale: the default of FFmpeg's freezedetect, -60 dB
BLACK: Final = 0.98  # of the pixels: the default of FFmpeg's blackdetect
LATE: Final = 1.75  # usual steps: one frame lost makes two of them, jitter of the clock far less
_SIDE: Final = 32

RANGES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"frame_difference": (0.0, 1.0), "step_ratio": (0.0, float("inf"))}
)
"""The names of what is measured across frames, and within what they lie."""


def sketch(picture: Picture) -> bytes:
    """Return the luma of 32 x 32 places spread evenly over a picture, a byte each.

    Single pixels and no means: noise shows that a camera lives though nothing moves, and means would take it away.
    """
    rows, columns = (((np.arange(_SIDE) + 0.5) * side / _SIDE).astype(np.intp) for side in picture.rgb.shape[:2])
    few: NDArray[np.uint8] = cv2.cvtColor(np.ascontiguousarray(picture.rgb[rows[:, None], columns]), cv2.COLOR_RGB2GRAY)
    return few.tobytes()


@dataclass(frozen=True, slots=True)
class Frame:
    """What is remembered of a frame.

    Attributes:
        content: the hash of its bytes.
        time_ms: the producer's time of it, where it has one.
        sketch: see there; empty of one that was not decoded.
    """

    content: str
    time_ms: int | None
    sketch: bytes = b""


class Around(NamedTuple):
    """What frames before it add to an item's metrics and reasons."""

    metrics: dict[str, float]
    reasons: tuple[str, ...] = ()


Earlier = Callable[[int], Frame | None]


def around(index: int, frame: Frame, earlier: Earlier, metrics: Mapping[str, float], wanted: Container[str]) -> Around:
    """Return what the frames before one tell of it.

    Args:
        index: its place in the parent.
        frame: itself.
        earlier: gives the frame of an index, or None where it is not known for certain.
        metrics: its own.
        wanted: names of `RANGES`.
    """
    black = metrics.get("black_share", 0.0) >= BLACK
    difference = _difference(frame, earlier(index - 1)) if index and "frame_difference" in wanted else None
    ratio = step_ratio(_times(index, frame, earlier)) if "step_ratio" in wanted else None
    found = {"frame_difference": difference, "step_ratio": ratio}
    codes = {
        "black_frame": black,
        "frozen_frame": difference is not None and difference <= FROZEN and not black,
        "time_gap": ratio is not None and ratio >= LATE,
    }
    return Around(
        {name: value for name, value in found.items() if value is not None},
        tuple(code for code, holds in codes.items() if holds),
    )


def _difference(frame: Frame, before: Frame | None) -> float | None:
    """Return the mean absolute difference of luma, 0 to 1, at the places of the sketch."""
    if before is None or not frame.sketch or len(frame.sketch) != len(before.sketch):
        return None
    one, other = (np.frombuffer(each.sketch, np.uint8) for each in (frame, before))
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size / 255.0


def _times(index: int, frame: Frame, earlier: Earlier) -> list[int | None]:
    """Return the times of the frames that the ratio is made of, in ms: always the same ones for an index."""
    first = max(0, index - REACH)
    before = [earlier(place) for place in range(first, index)]
    return [*(None if one is None else one.time_ms for one in before), frame.time_ms]


def step_ratio(times: list[int | None]) -> float | None:
    """Return the last step over the median of those before it, from 0 on; None where any is unknown or none is usual.

    1 for a video whose frames come evenly, 2 where one was lost between.
    """
    known = [time for time in times if time is not None]
    steps = [later - earlier for earlier, later in pairwise(known)]
    if len(known) < len(times) or len(steps) < 2:  # noqa: PLR2004 (one step, and one to compare it with)
        return None
    usual = median(steps[:-1])
    return max(0.0, steps[-1] / usual) if usual > 0 else None
