"""Slices to train on: slabs of the MNI152 T1 template, and a functional volume.

The template's axial slices are cut into slabs of 12, two slices apart, so that no slab shows what a neighbour shows.
They alternate between training and the demo.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from workers.media import Medium, Slice
from workers.training.parts import Part, Role, hashed, sample_file

_TEMPLATE = ("nilearn", "datasets", "data", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
_TEMPLATE_LICENCE = "MNI ICBM 152 (c) 1993-2004 L. Collins, McConnell Brain Imaging Centre: free use with this notice"
_FUNCTIONAL = ("nibabel", "tests", "data", "example4d.nii.gz")
_FIRST, _DEEP, _GAP, _SLABS = 10, 12, 2, 10
_LOW, _HIGH = 1.0, 99.5  # percentiles that a NIfTI reader shows as black and white


@dataclass(frozen=True, slots=True)
class Slab:
    """Axial slices `first` to `last` (both included) of the template."""

    name: str
    role: Role
    first: int
    last: int

    def voxels(self) -> NDArray[np.uint8]:
        """Return its intensities, uint8 (197, 233, slices), left to right, back to front, bottom to top."""
        return np.ascontiguousarray(_template()[:, :, self.first : self.last + 1])


def slabs(role: Role) -> list[Slab]:
    """Return the slabs of one role, from the cerebellum up: every second one is held out for the demo."""
    starts = [_FIRST + place * (_DEEP + _GAP) for place in range(_SLABS)]
    roles: list[Role] = ["held-out" if place % 2 else "train" for place in range(_SLABS)]
    return [
        Slab(f"MNI152 T1, axial slices {start} to {start + _DEEP - 1}", own, start, start + _DEEP - 1)
        for start, own in zip(starts, roles, strict=True)
        if own == role
    ]


def template_affine() -> NDArray[np.float64]:
    """Return the template's affine, (4, 4), in mm."""
    return np.asarray(nib.load(sample_file(*_TEMPLATE)).affine, dtype=np.float64)


@cache
def _template() -> NDArray[np.uint8]:
    return np.asarray(nib.load(sample_file(*_TEMPLATE)).dataobj, dtype=np.uint8)


def slice_parts(role: Role = "train") -> list[Part]:
    """Return the slabs of a role as parts; to train on, a functional volume as well."""
    parts = []
    for slab in slabs(role):
        voxels = slab.voxels()
        parts.append(Part(slab.name, _TEMPLATE_LICENCE, role, hashed(voxels.tobytes()), _slices(voxels)))
    if role == "train":
        path = sample_file(*_FUNCTIONAL)
        series = np.asarray(nib.load(path).dataobj, dtype=np.float32)[:, :, 4:20, 0]  # the others are half empty
        parts.append(Part("nibabel/example4d.nii.gz", "MIT", role, hashed(path.read_bytes()), _slices(series)))
    return parts


def _slices(voxels: NDArray[np.uint8] | NDArray[np.float32]) -> tuple[Medium, ...]:
    """Return a volume's axial slices, seen from below with the front up, in its window."""
    low, high = np.percentile(voxels, (_LOW, _HIGH))
    scaled = np.clip((voxels.astype(np.float32) - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return tuple(Slice(np.ascontiguousarray(np.rot90(scaled[:, :, z]))) for z in range(voxels.shape[2]))


def slice_variant(medium: Medium, rng: np.random.Generator) -> Medium:
    """Return a clean slice as another scanner would have delivered it: turned, scaled, graded, with its own noise."""
    if not isinstance(medium, Slice):
        raise TypeError(f"a slice is needed, not a {type(medium).__name__}")
    plane = medium.intensity
    height, width = plane.shape
    if rng.random() < 0.5:  # noqa: PLR2004 (the others keep their grid: interpolation softens)
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-12, 12), rng.uniform(0.85, 1.05))
        plane = np.asarray(cv2.warpAffine(plane, turn, (width, height), flags=cv2.INTER_CUBIC), dtype=np.float32)
    if rng.random() < 0.4:  # noqa: PLR2004
        factor = rng.uniform(0.55, 0.95)  # thicker voxels are no damage
        plane = cv2.resize(plane, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    plane = plane[:, ::-1] if rng.random() < 0.5 else plane  # noqa: PLR2004
    if rng.random() < 0.25:  # noqa: PLR2004
        plane = np.rot90(plane)
    graded = np.clip(plane, 0.0, 1.0) ** rng.uniform(0.8, 1.25) * rng.uniform(0.9, 1.1)
    return Slice(np.ascontiguousarray(_noisy(graded, rng), dtype=np.float32))


def _noisy(plane: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.floating]:
    """Return the plane with a scanner's ordinary noise (Rician), or as it is: a template has none."""
    sigma = rng.uniform(0.0, 0.01) if rng.random() < 0.5 else 0.0  # noqa: PLR2004
    noise = rng.normal(0.0, 1.0, (2, *plane.shape)) * sigma
    return np.asarray(np.clip(np.hypot(plane + noise[0], noise[1]), 0.0, 1.0))
