"""From a decoded frame to the picture that a player would show: square pixels, ordinary range, upright."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from workers.sources.tonemap import GAMUT_MAPPED, TONE_MAPPED, to_ordinary
from workers.sources.video_frames import TimedFrame, check_size

NOTES: Final = MappingProxyType(
    {
        "deinterlaced": "interlaced frames are deinterlaced (bwdif)",
        TONE_MAPPED: "high dynamic range is tone-mapped to ordinary range",
        GAMUT_MAPPED: "the colours of BT.2020 are brought to those of BT.709",
        "made_square": "pixels that are not square are resampled to square ones",
        "turned_by_matrix": "frames are turned upright by the display matrix",
        "mirrored_by_matrix": "frames are mirrored by the display matrix",
    }
)
"""What a person is told, by the code that the scores' reasons tell."""

_MATRIX = "DISPLAYMATRIX"


def shown(path: Path, timed: TimedFrame) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return a frame as RGB (height, width, 3) as it is meant to be seen, and codes of what that took.

    Raises:
        SourceError: With square pixels, the frame would be larger than can be judged.
    """
    rgb, codes = to_ordinary(timed.frame)
    if timed.deinterlaced:
        codes = ("deinterlaced", *codes)
    squared = _squared(path, timed, rgb)
    if squared is not rgb:
        codes = (*codes, "made_square")
    upright, code = _upright(squared, display_matrix(timed.frame))
    return np.ascontiguousarray(upright), (*codes, code) if code else codes


def display_matrix(frame: av.VideoFrame) -> NDArray[np.int32] | None:
    """Return the frame's display matrix as (2, 2), or None: rows are where x and y go, x to the right, y down."""
    data = frame.side_data.get(_MATRIX)
    return None if data is None else np.frombuffer(bytes(data), dtype="=i4").reshape(3, 3)[:2, :2]


def _squared(path: Path, timed: TimedFrame, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale the width, as players do: the lines of the picture stay what they were."""
    height, width = rgb.shape[:2]
    square = max(1, round(width * timed.pixel_aspect))
    if timed.pixel_aspect <= 0 or square == width:
        return rgb
    check_size(path, square, height)
    how = cv2.INTER_AREA if square < width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, (square, height), interpolation=how), dtype=np.uint8)


def _upright(rgb: NDArray[np.uint8], matrix: NDArray[np.int32] | None) -> tuple[NDArray[np.uint8], str | None]:
    """Turn by the nearest quarter turn, and mirror where the matrix does (its determinant is negative)."""
    if matrix is None or not matrix.any():
        return rgb, None
    (a, b), (c, d) = matrix.tolist()
    lies = abs(b) + abs(c) > abs(a) + abs(d)  # x becomes y
    right, down = (c, b) if lies else (a, d)
    if lies:
        rgb = rgb.transpose(1, 0, 2)
    rgb = rgb[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]
    mirrored = (right < 0) != (down < 0) if not lies else (right < 0) == (down < 0)
    turned = lies or right < 0 or down < 0
    return rgb, "mirrored_by_matrix" if mirrored else "turned_by_matrix" if turned else None
