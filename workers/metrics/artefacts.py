"""Noise, blocks and colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.metrics.edges import Plane

_BLOCK = 8  # pixels of a JPEG block
_DONOHO = 0.6745  # median absolute deviation of a standard normal distribution


def noise_sigma(plane: Plane) -> float:
    """Return the noise's standard deviation in the plane's own units, from 0.

    Donoho, Johnstone 1994: the median of the finest diagonal wavelet coefficients (Haar's, of every second row) over
    0.6745. Edges are few among them, which leaves noise; fine texture is still taken for noise.
    """
    if min(plane.shape) < 2:  # noqa: PLR2004 (a coefficient takes 2 x 2 pixels)
        return 0.0
    depth = cv2.CV_16S if plane.dtype == np.uint8 else cv2.CV_32F
    below = plane[1::2]
    rows = cv2.subtract(below, plane[::2][: len(below)], dtype=depth)
    doubled: NDArray[np.float32] = cv2.absdiff(rows[:, 1:], rows[:, :-1])
    middle = float(np.median(doubled)) if depth == cv2.CV_32F else _whole_median(cv2.convertScaleAbs(doubled))
    return middle / 2 / _DONOHO


def _whole_median(values: NDArray[np.uint8]) -> float:
    """Return the median of rounded magnitudes as it was before rounding, read off their histogram by interpolation."""
    counts: NDArray[np.float32] = cv2.calcHist([values], [0], None, [256], [0, 256])
    up_to = np.cumsum(counts.ravel(), dtype=np.float64)
    half = up_to[-1] / 2
    level = int(np.searchsorted(up_to, half))
    if level == 0:
        return 0.5 * float(half / up_to[0])  # magnitudes below one half were rounded to 0
    return level - 0.5 + float((half - up_to[level - 1]) / (up_to[level] - up_to[level - 1]))


def blockiness(gray: NDArray[np.uint8]) -> float:
    """Return log2 of the steps across the borders of 8 x 8 blocks over the other steps, about -0.3 to 4.

    After Wang, Sheikh, Bovik 2002, for the grid that starts at the picture's corner: 0 without blocks. A cropped or
    resized picture has lost that grid, and its blocks are not seen.
    """
    across = _border_ratio(gray, axis=1)
    down = _border_ratio(gray, axis=0)
    return float(np.clip((across + down) / 2, -2.0, 6.0))


def _border_ratio(gray: NDArray[np.uint8], axis: int) -> float:
    if gray.shape[axis] <= 2 * _BLOCK:
        return 0.0
    steps = cv2.absdiff(gray[:, 1:], gray[:, :-1]) if axis else cv2.absdiff(gray[1:], gray[:-1])
    means = cv2.reduce(steps, 0 if axis else 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    border = np.zeros(len(means), dtype=bool)
    border[_BLOCK - 1 :: _BLOCK] = True
    floor = 0.1  # levels: a smooth picture has steps of about none, and no blocks
    return float(np.log2((means[border].mean() + floor) / (means[~border].mean() + floor)))


def colourfulness(rgb: NDArray[np.uint8]) -> float:
    """Return the colourfulness of Hasler, Suesstrunk 2003, 0 (gray) to about 110 (extremely colourful)."""
    few = rgb.astype(np.float32)
    red, green, blue = few[..., 0], few[..., 1], few[..., 2]
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))
