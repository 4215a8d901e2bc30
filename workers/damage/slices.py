"""Damage to slices of magnetic resonance volumes, most of it made where it happens: in k-space.

What each artefact is and looks like: Graves, Mitchell: "Body MRI artifacts in clinical practice", 2013.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.damage.registry import SliceDamage, at
from workers.media import Slice

Plane = NDArray[np.float32]
KSpace = NDArray[np.complex128]


def motion(medium: Slice, severity: int, rng: np.random.Generator) -> Slice:
    """Let the head jump while the lines are acquired: runs of them get the linear phase of another position."""
    pixels, share = at(severity, ((2.0, 0.15), (3.5, 0.25), (5.0, 0.35), (8.0, 0.5), (12.0, 0.7)))
    kspace = _to_kspace(medium.intensity)
    lines, columns = kspace.shape
    runs = 3
    length = max(1, round(lines * share / runs))
    position = np.zeros((lines, 2))
    for run in range(runs):
        first = run * lines // runs + int(rng.integers(0, max(1, lines // runs - length)))
        angle = rng.uniform(0, 2 * np.pi)
        position[first : first + length] = pixels * np.cos(angle), pixels * np.sin(angle)
    position[lines // 2 - 2 : lines // 2 + 3] = 0.0  # the centre is acquired at rest: else all of the slice moves
    v = np.fft.fftshift(np.fft.fftfreq(lines))[:, None]
    u = np.fft.fftshift(np.fft.fftfreq(columns))[None, :]
    phase = np.exp(-2j * np.pi * (v * position[:, :1] + u * position[:, 1:]))
    return Slice(_from_kspace(kspace * phase))


def ghosting(medium: Slice, severity: int, _rng: np.random.Generator) -> Slice:
    """Weaken every second line, which lays a ghost half of the field of view away (a Nyquist ghost)."""
    loss = at(severity, (0.15, 0.25, 0.4, 0.6, 0.85))
    kspace = _to_kspace(medium.intensity)
    kspace[::2] *= 1.0 - loss
    return Slice(_from_kspace(kspace))


def noise(medium: Slice, severity: int, rng: np.random.Generator) -> Slice:
    """Add complex noise and take the magnitude: Rician, as scanners have it."""
    sigma = at(severity, (0.02, 0.04, 0.07, 0.12, 0.2))
    shape = medium.intensity.shape
    real = medium.intensity + rng.normal(0.0, sigma, shape)
    return Slice(_clipped(np.hypot(real, rng.normal(0.0, sigma, shape))))


def blur(medium: Slice, severity: int, _rng: np.random.Generator) -> Slice:
    """Keep the middle of k-space alone: a scan of low resolution, enlarged, with its ringing."""
    share = at(severity, (0.55, 0.42, 0.32, 0.22, 0.14))
    kspace = _to_kspace(medium.intensity)
    kept = np.zeros(kspace.shape, dtype=bool)
    middle = tuple(slice(int(n * (1 - share) / 2), int(n * (1 + share) / 2) + 1) for n in kspace.shape)
    kept[middle] = True
    return Slice(_from_kspace(np.where(kept, kspace, 0)))


def soft_focus(medium: Slice, severity: int, _rng: np.random.Generator) -> Slice:
    """Blur as interpolation or partial volume does, without ringing."""
    sigma = at(severity, (0.8, 1.2, 1.8, 2.6, 4.0))
    return Slice(cv2.GaussianBlur(medium.intensity, (0, 0), sigma))


def bias_field(medium: Slice, severity: int, rng: np.random.Generator) -> Slice:
    """Let the receiving coil fade out across the slice, in a random direction."""
    strength = at(severity, (0.8, 1.3, 2.0, 3.0, 4.5))
    height, width = medium.intensity.shape
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    field = np.exp(strength * (x * np.cos(angle) + y * np.sin(angle)))
    return Slice(_clipped(medium.intensity * field / field.max() * (1 + strength / 8)))


def dropout(medium: Slice, severity: int, rng: np.random.Generator) -> Slice:
    """Let the signal vanish around a point within the foreground, as metal makes it."""
    radius = at(severity, (0.06, 0.1, 0.15, 0.22, 0.3)) * max(medium.intensity.shape)
    tissue = np.argwhere(medium.intensity > 0.2)  # noqa: PLR2004 (brighter than air)
    if not len(tissue):
        return Slice(medium.intensity.copy())
    row, column = tissue[rng.integers(0, len(tissue))]
    y, x = np.ogrid[: medium.intensity.shape[0], : medium.intensity.shape[1]]
    hole = 1.0 - np.exp(-((((y - row) ** 2 + (x - column) ** 2) / radius**2) ** 2))
    return Slice(_clipped(medium.intensity * hole))


def spikes(medium: Slice, severity: int, rng: np.random.Generator) -> Slice:
    """Set single points of k-space far too high: stripes over all of the slice."""
    amplitude = at(severity, (0.02, 0.035, 0.06, 0.1, 0.16))
    kspace = _to_kspace(medium.intensity)
    height, width = kspace.shape
    for _ in range(1 + severity // 2):
        row = height // 2 + int(rng.choice((-1, 1))) * int(rng.integers(height // 5, height // 2))
        column = int(rng.integers(0, width))
        kspace[row, column] += amplitude * kspace.size * np.exp(2j * np.pi * rng.random())
    return Slice(_from_kspace(kspace))


def _to_kspace(plane: Plane) -> KSpace:
    return np.fft.fftshift(np.fft.fft2(plane))


def _from_kspace(kspace: KSpace) -> Plane:
    return _clipped(np.abs(np.fft.ifft2(np.fft.ifftshift(kspace))))


def _clipped(plane: NDArray[np.floating]) -> Plane:
    clipped: Plane = np.clip(plane, 0.0, 1.0).astype(np.float32)
    return clipped


SLICE_DAMAGES: Final[dict[str, SliceDamage]] = {
    "motion": motion,
    "ghosting": ghosting,
    "noise": noise,
    "blur": blur,
    "soft_focus": soft_focus,
    "bias_field": bias_field,
    "dropout": dropout,
    "spikes": spikes,
}
