"""Head phantoms: volumes made by code, each by its seed alone. No patient is in them.

Nested ellipsoids, as Shepp and Logan (1974) had them, but with a folded cortex, ventricles, deep nuclei, eyes, a
cerebellum, texture within each tissue, and the contrast of one of four sequences. Shapes, proportions, matrix,
resolution, ordinary noise and ordinary shading differ from phantom to phantom. How they are made is the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.media import Slice

Volume = NDArray[np.float32]

# Relative intensities: air, scalp, skull, fluid, gray, white, deep gray, vitreous.
CONTRASTS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "T1": (0.0, 0.85, 0.12, 0.18, 0.5, 0.72, 0.58, 0.2),
        "T2": (0.0, 0.5, 0.08, 0.95, 0.58, 0.4, 0.45, 0.98),
        "PD": (0.0, 0.75, 0.12, 0.72, 0.8, 0.62, 0.7, 0.72),
        "FLAIR": (0.0, 0.6, 0.08, 0.12, 0.68, 0.52, 0.6, 0.15),
    }
)
_AIR, _SCALP, _SKULL, _FLUID, _GRAY, _WHITE, _DEEP, _EYE = range(8)
_SPREAD = (0.05, 0.12)  # of tissue intensities from phantom to phantom, and within a tissue


def phantom(seed: int, slices: int = 10) -> tuple[str, tuple[Slice, ...]]:
    """Return the contrast and the axial slices of the phantom of a seed, from the brain's base up, in [0, 1]."""
    rng = np.random.default_rng([seed, 1974])
    contrast = list(CONTRASTS)[seed % len(CONTRASTS)]
    width = int(rng.integers(128, 232))
    shape = (slices, round(width * rng.uniform(1.0, 1.25)), width)
    tissue = _tissues(shape, rng)
    levels = np.array(CONTRASTS[contrast]) * (1 + _SPREAD[0] * rng.normal(size=8))
    volume = _textured(levels.astype(np.float32)[tissue], tissue, rng)
    volume = _scanned(volume, rng)
    low, high = np.percentile(volume, (1.0, 99.5))
    scaled = np.clip((volume - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return contrast, tuple(Slice(np.ascontiguousarray(plane)) for plane in scaled)


def _tissues(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return which tissue each voxel is, (slices, height, width)."""
    axes = (np.linspace(-0.5, 0.62, shape[0]), np.linspace(-1.12, 1.12, shape[1]), np.linspace(-1.15, 1.15, shape[2]))
    z, y, x = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij")
    x = x * rng.uniform(0.95, 1.1) + 0.04 * _waves(shape, 14, rng)  # no two heads are alike, and none is symmetric
    y = y * rng.uniform(0.92, 1.05) + 0.04 * _waves(shape, 14, rng)
    head = np.sqrt((x / 0.82) ** 2 + y**2 + z**2)
    bone, brain = rng.uniform(0.1, 0.14), rng.uniform(0.72, 0.79)
    folds = np.abs(_waves(shape, rng.uniform(4.0, 6.5), rng))
    tissue = np.where(head < 1.0, _SCALP, _AIR)
    tissue[head < brain + bone] = _SKULL
    tissue[head < brain + 0.03] = _FLUID
    tissue[head < brain * (1 - 0.09 * np.clip(0.5 - folds, 0, 1))] = _GRAY
    tissue[head < brain * (0.76 + 0.11 * np.tanh(folds - 0.8))] = _WHITE
    tissue[(folds < 0.1) & (head > brain * 0.85) & (head < brain)] = _FLUID  # furrows
    tissue[(np.abs(x) < 0.012) & (head < brain) & (y * y + z * z > 0.2)] = _FLUID  # the gap between the hemispheres
    _inner(tissue, (z, y, x), rng)
    if rng.random() < 0.25:
        tissue[(tissue == _SCALP) | (tissue == _SKULL) | (tissue == _EYE)] = _AIR  # delivered without its skull
    return np.asarray(tissue, dtype=np.int64)


def _inner(tissue: NDArray[np.int64], grid: tuple[Volume, Volume, Volume], rng: np.random.Generator) -> None:
    """Put ventricles, deep nuclei, a cerebellum and eyes in their places."""
    z, y, x = grid
    size = rng.uniform(0.8, 1.4)
    for side in (-1, 1):
        nucleus = ((x - side * 0.2) / 0.11) ** 2 + ((y + 0.05) / 0.2) ** 2 + ((z + 0.02) / 0.17) ** 2 < 1
        horn = ((x - side * 0.09 * size) / (0.055 * size)) ** 2 + (y / (0.3 * size)) ** 2 + ((z - 0.12) / 0.16) ** 2 < 1
        eye = ((x - side * 0.3) / 0.13) ** 2 + ((y + 0.84) / 0.13) ** 2 + ((z + 0.42) / 0.13) ** 2 < 1
        tissue[nucleus] = _DEEP
        tissue[horn] = _FLUID
        tissue[eye] = _EYE
    cerebellum = (x / 0.48) ** 2 + ((y - 0.45) / 0.28) ** 2 + ((z + 0.5) / 0.24) ** 2 < 1
    leaves = np.sin((y + 0.3 * z) * rng.uniform(70, 100)) > 0.2
    cerebellum &= tissue >= _FLUID
    tissue[cerebellum] = np.where(leaves, _GRAY, _WHITE)[cerebellum]


def _textured(volume: Volume, tissue: NDArray[np.int64], rng: np.random.Generator) -> Volume:
    """Let intensities vary within tissues, and let vessels shine or not."""
    grain = 0.35 * _waves(tissue.shape, 1.2, rng) + 0.65 * _waves(tissue.shape, 9, rng)
    textured = volume * (1 + rng.uniform(0.02, _SPREAD[1] / 2) * grain)
    vessels = (_waves(tissue.shape, 1.5, rng) > 3.0) & (tissue > _SKULL)
    return np.asarray(np.where(vessels, textured * rng.uniform(0.6, 1.4), textured), dtype=np.float32)


def _scanned(volume: Volume, rng: np.random.Generator) -> Volume:
    """Return the volume as a scanner has it: partial volumes, a little shading and a little Rician noise."""
    sigma = rng.uniform(0.35, 0.65)
    blurred = np.stack([cv2.GaussianBlur(plane, (0, 0), sigma) for plane in volume])
    shading = 1 + rng.uniform(0.0, 0.08) * _waves(volume.shape, 60, rng)
    noise = rng.normal(0.0, rng.uniform(0.003, 0.015), (2, *volume.shape))
    return np.asarray(np.hypot(blurred * shading + noise[0], noise[1]), dtype=np.float32)


def _waves(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Volume:
    """Return smooth noise of mean 0 and deviation 1 whose bumps are about `scale` pixels of 192 wide."""
    pixels = scale * shape[-1] / 192
    coarse = max(1, round(pixels / 3))
    small = (shape[0], -(-shape[1] // coarse) + 2, -(-shape[2] // coarse) + 2)
    noise = ndimage.gaussian_filter(rng.normal(size=small), (0.8, pixels / coarse, pixels / coarse), mode="wrap")
    grown = np.stack([cv2.resize(plane, shape[:0:-1], interpolation=cv2.INTER_CUBIC) for plane in noise])
    return np.asarray((grown - grown.mean()) / (grown.std() + 1e-9), dtype=np.float32)
