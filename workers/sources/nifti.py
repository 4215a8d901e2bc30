"""NIfTI volumes: slices in canonical (RAS+) orientation, as 16-bit PNGs that share one scale."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from schemas.items import RawItem
from workers.sources.parent import ItemMaker, Parent, SourceError, SourceOptions
from workers.sources.privacy import medical_id, quiet, reworded
from workers.sources.scale import VOXELS, Scale

KIND = "mri-slice"

_AXES: Final = {"axial": 2, "coronal": 1, "sagittal": 0}  # and all of them, in this order
_BROKEN = (OSError, EOFError, ValueError, TypeError, MemoryError, zlib.error, ImageFileError, HeaderDataError)


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a volume's slices as a parent, in the order of the axis. One volume is held in memory.

    Rows run from anterior (or superior) to posterior, columns from left to right. Slices without tissue are marked
    empty. Of a series, the first volume is read. All planes are one parent: axial, then coronal, then sagittal slices.
    The parent id is a keyed hash of the voxels (privacy.py): the same volume under another name is the same parent.

    Raises:
        SourceError: The file is no volume that can be read, or is truncated.
    """
    with quiet():
        volume, notes = _load(path)
    axes = tuple(_AXES.values()) if options.plane == "all" else (_AXES[options.plane],)
    count = sum(volume.shape[axis] for axis in axes)
    digest = hashlib.sha256(np.ascontiguousarray(volume).data).digest()
    parent_id = medical_id(options, "nifti", str(volume.shape), digest, options.plane)
    make = ItemMaker(parent_id, KIND, source, count, "image/png")
    return Parent(make.parent_id, KIND, source, count, _items(volume, axes, make), tuple(notes))


def _load(path: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Return the first volume as float32 (x, y, z) in RAS+ orientation, NaN where it holds no number, and notes."""
    notes: list[str] = []
    try:
        image = nib.load(path)
        _check_shape(path, image.shape)
        first = np.asarray(image.dataobj[(..., *(0,) * (len(image.shape) - 3))])
        if math.prod(image.shape[3:]) > 1:
            notes.append(f"a series of {math.prod(image.shape[3:])} volumes: the first one was read")
        if first.dtype.kind not in "iuf":
            raise SourceError(path, f"has voxels of type {first.dtype}, not plain numbers")
        volume = np.asarray(apply_orientation(first.astype(np.float32), io_orientation(image.affine)))
    except _BROKEN as error:
        # not its text, nor the exception itself: either may quote the header
        raise SourceError(path, f"cannot be read as a NIfTI volume: {reworded(error)}") from None
    masked = int(np.size(volume) - np.isfinite(volume).sum())
    if masked:
        notes.append(f"{masked} voxels are no numbers, and were set to the darkest")
        volume = np.where(np.isfinite(volume), volume, np.nan).astype(np.float32)
    return volume, notes


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) < 3 or min(shape) < 1:  # noqa: PLR2004 (dimensions of a volume)
        raise SourceError(path, f"has the shape {shape}, which is no volume")
    if math.prod(shape[:3]) > VOXELS:
        raise SourceError(path, f"has the shape {shape}, more than the limit of {VOXELS} voxels")


def _items(volume: NDArray[np.float32], axes: tuple[int, ...], make: ItemMaker) -> Iterator[RawItem]:
    scale = Scale.of(volume)
    planes = (plane for axis in axes for plane in np.moveaxis(volume, axis, 0))
    for index, plane in enumerate(planes):
        read_as = ("nan_masked",) if np.isnan(plane).any() else ()
        yield scale.item(make, index, plane.T[::-1], read_as)
