"""What the Sobel gradients of a picture tell together: strength, edges, direction."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE = 100.0  # of Sobel's response: about a step of 25 levels between neighbours
FLAT = 1  # of Sobel's mean response: far less than a step of one level between neighbours
FLAT_BLOCK = 16  # pixels; larger than a JPEG block, so that compression alone does not make a block flat


_STRIP = 8 * FLAT_BLOCK  # rows at a time: what is made of them stays in the processor's cache


@dataclass(frozen=True, slots=True)
class Gradients:
    """The mean products of a picture's Sobel responses (its structure tensor), its shares of edges and flat blocks."""

    xx: float
    yy: float
    xy: float
    edges: float
    flat: float


def gradients(gray: NDArray[np.uint8]) -> Gradients:
    """Return the gradients of `gray`, from 3 x 3 Sobel responses, taken in strips of 128 rows."""
    tops = range(0, len(gray), _STRIP)
    strips = np.array([_of_strip(gray[top : top + _STRIP]) for top in tops])
    rows = [min(_STRIP, len(gray) - top) for top in tops]
    xx, yy, both, edges, flat = np.average(strips, axis=0, weights=rows).tolist()
    return Gradients(xx, yy, (both - xx - yy) / 2, edges, flat)


def _of_strip(gray: NDArray[np.uint8]) -> tuple[float, float, float, float, float]:
    """Return the mean squares of dx, dy and dx + dy, and the shares of edges and of flat blocks."""
    dx = cv2.Sobel(gray, cv2.CV_16S, 1, 0)
    dy = cv2.Sobel(gray, cv2.CV_16S, 0, 1)
    strength = cv2.add(cv2.convertScaleAbs(dx), cv2.convertScaleAbs(dy))  # city-block length, saturating at 255
    edges = cv2.countNonZero(cv2.threshold(strength, EDGE, 255, cv2.THRESH_BINARY)[1]) / gray.size
    blocks = (max(1, gray.shape[1] // FLAT_BLOCK), max(1, gray.shape[0] // FLAT_BLOCK))
    means: NDArray[np.uint8] = cv2.resize(strength, blocks, interpolation=cv2.INTER_AREA)
    both = _mean_square(cv2.add(dx, dy))
    return _mean_square(dx), _mean_square(dy), both, edges, float((means <= FLAT).mean())


def _mean_square(response: NDArray[np.int16]) -> float:
    return float(cv2.norm(response, cv2.NORM_L2SQR)) / response.size


def tenengrad(of: Gradients) -> float:
    """Return log10(1 + mean squared gradient), 0 to about 6: Krotkov's Tenengrad focus measure (1987)."""
    return float(np.log10(1.0 + of.xx + of.yy))


def edge_density(of: Gradients) -> float:
    """Return the share of pixels on an edge, 0 to 1."""
    return of.edges


def flat_share(of: Gradients) -> float:
    """Return the share of 16 x 16 blocks without detail, 0 to 1.

    Dropped blocks, occlusion and clipping raise it; so does a clear sky.
    """
    return of.flat


def anisotropy(of: Gradients) -> float:
    """Return how much the gradients share one direction, 0 (none) to 1 (all): motion blur raises it.

    The coherence of the structure tensor (Bigun, Granlund 1987), taken over the whole picture.
    """
    total = of.xx + of.yy
    return 0.0 if total <= 0 else min(1.0, float(np.hypot(of.xx - of.yy, 2 * of.xy)) / total)
