"""The metrics of a slice, in their order, all at native resolution."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.media import Slice
from workers.metrics import artefacts, edges, volume
from workers.metrics.registry import Metric, composed, metric, shared


def plane(medium: Slice) -> NDArray[np.float32]:
    """Return the intensities, float32 (height, width) in [0, 1]."""
    return medium.intensity


@shared
def mask(medium: Slice) -> NDArray[np.bool_]:
    """Return where the tissue is, bool (height, width)."""
    return volume.foreground(medium.intensity)


@shared
def spectrum(medium: Slice) -> NDArray[np.float64]:
    """Return the natural logarithm of the slice's k-space magnitudes, float64 (height, width)."""
    return volume.spectrum(medium.intensity)


@metric("slice", low=0.0, high=1.0)
def foreground_share(medium: Slice) -> float:
    """Return the share of the slice that is tissue, 0 to 1."""
    return float(mask(medium).mean())


@metric("slice", low=0.0)
def noise_sigma(medium: Slice) -> float:
    """Return Donoho's noise of the foreground's bounding box: a masked background would hide it, being exactly 0."""
    x, y, width, height = cv2.boundingRect(mask(medium).astype(np.uint8))
    whole = medium.intensity
    return artefacts.noise_sigma(whole[y : y + height, x : x + width] if width and height else whole)


@metric("slice", low=-6.0, high=7.0)
def sharpness(medium: Slice) -> float:
    """Return log10(1e-6 + variance of the Laplacian), -6 (no detail) to about 0."""
    return math.log10(1e-6 + edges.laplacian_variance(medium.intensity))


_slice = partial(composed, "slice")

SLICES: Final[tuple[Metric, ...]] = (
    foreground_share,
    _slice(volume.foreground_contrast, plane, mask, low=0.0, high=1.0),
    _slice(volume.snr, plane, mask, low=0.0, high=3.0),
    noise_sigma,
    sharpness,
    _slice(edges.blur_effect, plane, low=0.0, high=1.0),
    _slice(edges.scale_ratio, plane, low=-8.0, high=8.0),
    _slice(volume.background_energy, plane, mask, low=-6.0, high=0.0),
    _slice(volume.ghosting, plane, mask, low=0.0),
    _slice(volume.line_motion, spectrum, low=0.0),
    _slice(volume.spike, spectrum, low=0.0),
    _slice(volume.entropy_focus, plane, low=0.0, high=1.0),
    _slice(volume.bias, plane, mask, low=0.0),
    _slice(volume.left_right, plane, mask, low=-1.0, high=1.0),
)
