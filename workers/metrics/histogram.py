"""What a picture's histogram of luma tells: light, contrast, clipping, entropy."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

DARK, BRIGHT = 4, 251  # JPEG's ringing moves clipped values by a few levels
BLACK = 25  # a tenth of 255
_LEVELS = np.arange(256, dtype=np.float64)


def histogram(gray: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the shares of the 256 levels in `gray`, of shape (256,) and summing to 1."""
    counts: NDArray[np.float32] = cv2.calcHist([gray], [0], None, [256], [0, 256])
    return counts.ravel().astype(np.float64) / gray.size


def brightness(shares: NDArray[np.float64]) -> float:
    """Return the mean level, 0 (black) to 1 (white)."""
    return float(shares @ _LEVELS) / 255.0


def contrast(shares: NDArray[np.float64]) -> float:
    """Return the root mean square contrast (Peli 1990): the levels' standard deviation over 255, 0 to 0.5."""
    mean = shares @ _LEVELS
    return math.sqrt(max(float(shares @ (_LEVELS - mean) ** 2), 0.0)) / 255.0


def clipped_dark(shares: NDArray[np.float64]) -> float:
    """Return the share of pixels at or next to black, 0 to 1."""
    return float(shares[: DARK + 1].sum())


def black_share(shares: NDArray[np.float64]) -> float:
    """Return the share of pixels at or below a tenth of full scale, 0 to 1: as FFmpeg's blackdetect sees black."""
    return float(shares[: BLACK + 1].sum())


def clipped_bright(shares: NDArray[np.float64]) -> float:
    """Return the share of pixels at or next to white, 0 to 1."""
    return float(shares[BRIGHT:].sum())


def entropy(shares: NDArray[np.float64]) -> float:
    """Return Shannon's entropy of the levels in bits, 0 (one level) to 8 (all alike)."""
    present = shares[shares > 0]
    return max(0.0, float(-(present * np.log2(present)).sum()))
