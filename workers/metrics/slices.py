"""The metrics of a slice, in their order."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.media import Slice
from workers.metrics import artefacts, edges, volume

SLICE_METRICS = (
    "foreground_share",
    "foreground_contrast",
    "snr",
    "noise_sigma",
    "sharpness",
    "blur_effect",
    "scale_ratio",
    "background_energy",
    "ghosting",
    "line_motion",
    "spike",
    "entropy_focus",
    "bias",
    "left_right",
)


def measure_slice(medium: Slice) -> dict[str, float]:
    """Return a slice's metrics, all at native resolution."""
    plane = medium.intensity
    mask = volume.foreground(plane)
    spectrum = volume.spectrum(plane)
    values = (
        float(mask.mean()),
        volume.foreground_contrast(plane, mask),
        volume.snr(plane, mask),
        _noise_in_foreground(plane, mask),
        math.log10(1e-6 + edges.laplacian_variance(plane)),
        edges.blur_effect(plane),
        edges.scale_ratio(plane),
        volume.background_energy(plane, mask),
        volume.ghosting(plane, mask),
        volume.line_motion(spectrum),
        volume.spike(spectrum),
        volume.entropy_focus(plane),
        volume.bias(plane, mask),
        volume.left_right(plane, mask),
    )
    return dict(zip(SLICE_METRICS, values, strict=True))


def _noise_in_foreground(plane: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return Donoho's noise of the foreground's bounding box: a masked background would hide it, being exactly 0."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return artefacts.noise_sigma(plane[y : y + height, x : x + width] if width and height else plane)
