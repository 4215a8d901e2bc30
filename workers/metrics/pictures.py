"""The metrics of a picture, in their order."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.media import Picture
from workers.metrics import artefacts, edges, gradients, histogram

HALVE_ABOVE = 2_100_000  # pixels: Full HD is still measured whole

PICTURE_METRICS = (
    "brightness",
    "contrast",
    "clipped_dark",
    "clipped_bright",
    "entropy",
    "colourfulness",
    "sharpness",
    "tenengrad",
    "edge_density",
    "anisotropy",
    "flat_share",
    "blur_effect",
    "scale_ratio",
    "high_frequency",
    "noise_sigma",
    "blockiness",
)


def measure_picture(picture: Picture) -> dict[str, float]:
    """Return a picture's metrics.

    Above 2.1 MP all but the blockiness, which needs the grid, are taken at half resolution, to hold their cost.
    """
    rgb = picture.rgb
    native: NDArray[np.uint8] = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    gray = native
    if native.size > HALVE_ABOVE:
        gray = cv2.resize(native, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    shares = histogram.histogram(gray)
    slopes = gradients.gradients(gray)
    values = (
        histogram.brightness(shares),
        histogram.contrast(shares),
        histogram.clipped_dark(shares),
        histogram.clipped_bright(shares),
        histogram.entropy(shares),
        artefacts.colourfulness(rgb),
        math.log10(1.0 + edges.laplacian_variance(gray)),
        gradients.tenengrad(slopes),
        gradients.edge_density(slopes),
        gradients.anisotropy(slopes),
        gradients.flat_share(slopes),
        edges.blur_effect(gray),
        edges.scale_ratio(gray),
        edges.high_frequency(gray),
        artefacts.noise_sigma(gray),
        artefacts.blockiness(native),
    )
    return dict(zip(PICTURE_METRICS, values, strict=True))
