"""The metrics of a picture, in their order.

Above 2.1 MP all but the blockiness, which needs the grid, are taken at half resolution, to hold their cost.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.media import Picture
from workers.metrics import artefacts, edges, gradients, histogram
from workers.metrics.registry import Metric, composed, metric, shared

HALVE_ABOVE = 2_100_000  # pixels: Full HD is still measured whole


@shared
def native_gray(picture: Picture) -> NDArray[np.uint8]:
    """Return the luma at native resolution, uint8 (height, width)."""
    gray: NDArray[np.uint8] = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY)
    return gray


@shared
def gray(picture: Picture) -> NDArray[np.uint8]:
    """Return the luma that is measured, uint8 (height, width): native, or halved above 2.1 MP."""
    native = native_gray(picture)
    if native.size <= HALVE_ABOVE:
        return native
    half: NDArray[np.uint8] = cv2.resize(native, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return half


@shared
def levels(picture: Picture) -> NDArray[np.float64]:
    """Return the shares of the 256 levels of luma, float64 (256,)."""
    return histogram.histogram(gray(picture))


@shared
def slopes(picture: Picture) -> gradients.Gradients:
    """Return what the gradients tell together."""
    return gradients.gradients(gray(picture))


@shared
def colours(picture: Picture) -> NDArray[np.uint8]:
    """Return every fourth pixel in both directions, uint8 (height, width, 3): colours do not depend on resolution."""
    return np.ascontiguousarray(picture.rgb[::4, ::4])


@shared
def primaries(picture: Picture) -> tuple[float, float, float]:
    """Return the shares of red, green and blue in all light; a third each where there is none."""
    red, green, blue = cv2.mean(colours(picture))[:3]
    total = red + green + blue
    return (red / total, green / total, blue / total) if total > 0 else (1 / 3, 1 / 3, 1 / 3)


@metric("picture", low=0.0, high=1.0, fused=False)
def red_share(picture: Picture) -> float:
    """Return the share of red in the mean colour, r / (r + g + b): 1/3 for gray, 1 for pure red."""
    return primaries(picture)[0]


@metric("picture", low=0.0, high=1.0, fused=False)
def green_share(picture: Picture) -> float:
    """Return the share of green in the mean colour, g / (r + g + b): 1/3 for gray, 1 for pure green."""
    return primaries(picture)[1]


@metric("picture", low=0.0, high=1.0, fused=False)
def blue_share(picture: Picture) -> float:
    """Return the share of blue in the mean colour, b / (r + g + b): 1/3 for gray, 1 for pure blue."""
    return primaries(picture)[2]


@metric("picture", low=0.0, high=1.0, fused=False)
def saturation(picture: Picture) -> float:
    """Return the mean saturation of HSV (Smith 1978), (max - min) / max of red, green and blue: 0 gray, 1 pure."""
    red, green, blue = cv2.split(colours(picture))
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    chroma = cv2.divide(cv2.subtract(most, least), cv2.max(most, 1), dtype=cv2.CV_32F)
    mean: float = cv2.mean(chroma)[0]
    return mean


@metric("picture", low=1.0, fused=False)
def area(picture: Picture) -> float:
    """Return the count of pixels, from 1."""
    return float(picture.rgb.shape[0] * picture.rgb.shape[1])


@metric("picture", low=0.0, fused=False)
def aspect_ratio(picture: Picture) -> float:
    """Return the width over the height: 1 for a square, 16/9 for a wide video, below 1 for an upright picture."""
    return float(picture.rgb.shape[1] / picture.rgb.shape[0])


@metric("picture", low=0.0, high=7.0)
def sharpness(picture: Picture) -> float:
    """Return log10(1 + variance of the Laplacian), 0 (no detail) to about 5."""
    return math.log10(1.0 + edges.laplacian_variance(gray(picture)))


_picture = partial(composed, "picture")

PICTURES: Final[tuple[Metric, ...]] = (
    _picture(histogram.brightness, levels, low=0.0, high=1.0),
    _picture(histogram.contrast, levels, low=0.0, high=0.5),
    _picture(histogram.clipped_dark, levels, low=0.0, high=1.0),
    _picture(histogram.clipped_bright, levels, low=0.0, high=1.0),
    _picture(histogram.entropy, levels, low=0.0, high=8.0),
    _picture(artefacts.colourfulness, colours, low=0.0, high=380.0),
    sharpness,
    _picture(gradients.tenengrad, slopes, low=0.0, high=7.0),
    _picture(gradients.edge_density, slopes, low=0.0, high=1.0),
    _picture(gradients.anisotropy, slopes, low=0.0, high=1.0),
    _picture(gradients.flat_share, slopes, low=0.0, high=1.0),
    _picture(edges.blur_effect, gray, low=0.0, high=1.0),
    _picture(edges.scale_ratio, gray, low=-8.0, high=8.0),
    _picture(edges.high_frequency, gray, low=0.0, high=1.0),
    _picture(artefacts.noise_sigma, gray, low=0.0, high=190.0),
    _picture(artefacts.blockiness, native_gray, low=-2.0, high=6.0),
    _picture(histogram.black_share, levels, low=0.0, high=1.0, fused=False),
    red_share,
    green_share,
    blue_share,
    saturation,
    area,
    aspect_ratio,
)
