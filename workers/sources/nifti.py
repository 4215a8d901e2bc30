"""NIfTI volumes: slices in canonical (RAS+) orientation, as 16-bit PNGs that share one scale."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from schemas.items import RawItem
from workers.sources.encode import png
from workers.sources.parent import ItemMaker, Parent, SourceError, SourceOptions, parent_id_of

KIND = "mri-slice"

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.5
_WHITE = 65535
_VOXELS = 600_000_000  # 2.4 GB as float32: a header can announce more than there is memory
_AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
_TISSUE = 0.1  # of the window: brighter than this is not air
_LEAST_TISSUE = 0.01  # share of a slice: with less, there is nothing to judge
_BROKEN = (OSError, EOFError, ValueError, TypeError, zlib.error, ImageFileError, HeaderDataError)


@dataclass(frozen=True, slots=True)
class _Scale:
    """How intensities become a PNG's values: (intensity - offset) * factor."""

    offset: float
    factor: float
    window: tuple[float, float] | None  # in the PNG's values; None for a volume without contrast

    def apply(self, plane: NDArray[np.float32]) -> NDArray[np.uint16]:
        scaled = (plane.astype(np.float64) - self.offset) * self.factor
        values: NDArray[np.uint16] = np.rint(np.nan_to_num(scaled, nan=0.0, posinf=_WHITE, neginf=0.0)).astype(
            np.uint16
        )
        return values


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a volume's slices as a parent, in the order of the axis. One volume is held in memory.

    Whole numbers within 65,536 levels are kept as they are, but for an offset; others are scaled to 16 bits. The
    window is the volume's 1st and 99.5th percentile. Rows run from anterior (or superior) to posterior, columns
    from left to right. Slices without tissue are marked empty. Of a series, the first volume is read.

    Raises:
        SourceError: The file is no volume that can be read, or is truncated.
    """
    volume, notes = _load(path)
    axis = _AXES[options.plane]
    count = volume.shape[axis]
    make = ItemMaker(parent_id_of(path, options), KIND, source, count, "image/png")
    return Parent(make.parent_id, KIND, source, count, _items(volume, axis, make), tuple(notes))


def _load(path: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Return the first volume as float32 (x, y, z) in RAS+ orientation, and notes."""
    notes: list[str] = []
    try:
        image = nib.load(path)
        _check_shape(path, image.shape)
        first = image.dataobj[(..., *(0,) * (len(image.shape) - 3))]
        if len(image.shape) > 3 and int(np.prod(image.shape[3:])) > 1:  # noqa: PLR2004 (dimensions of a volume)
            notes.append(f"a series of {int(np.prod(image.shape[3:]))} volumes: the first one was read")
        if np.asarray(first).dtype.kind not in "iuf":
            raise SourceError(path, f"has voxels of type {np.asarray(first).dtype}, not plain numbers")
        volume = np.asarray(apply_orientation(np.asarray(first, dtype=np.float32), io_orientation(image.affine)))
    except _BROKEN as error:
        raise SourceError(path, f"cannot be read as a NIfTI volume: {error}") from error
    masked = int(np.size(volume) - np.isfinite(volume).sum())
    if masked:
        notes.append(f"{masked} voxels are no numbers, and were set to the darkest")
        volume = np.where(np.isfinite(volume), volume, np.nan).astype(np.float32)
    return volume, notes


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) < 3 or min(shape) < 1:  # noqa: PLR2004 (dimensions of a volume)
        raise SourceError(path, f"has the shape {shape}, which is no volume")
    if int(np.prod(shape[:3], dtype=np.int64)) > _VOXELS:
        raise SourceError(path, f"has the shape {shape}, more than the limit of {_VOXELS} voxels")


def _items(volume: NDArray[np.float32], axis: int, make: ItemMaker) -> Iterator[RawItem]:
    scale = _scale(volume)
    for index, plane in enumerate(np.moveaxis(volume, axis, 0)):
        values = scale.apply(plane.T[::-1])
        yield make.item(index, png(values), window=scale.window, empty=_is_empty(values, scale))


def _scale(volume: NDArray[np.float32]) -> _Scale:
    finite = volume[np.isfinite(volume)]
    if not finite.size:
        return _Scale(0.0, 0.0, None)
    low, high = float(finite.min()), float(finite.max())
    if high <= low:
        return _Scale(low, 0.0, None)
    whole = high - low <= _WHITE and bool((finite == np.rint(finite)).all())
    factor = 1.0 if whole else _WHITE / (high - low)
    dark, light = (float(value) for value in np.percentile(finite, (LOW_PERCENTILE, HIGH_PERCENTILE)))
    if light <= dark:  # nearly all of it is one value
        dark, light = low, high
    return _Scale(low, factor, ((dark - low) * factor, (light - low) * factor))


def _is_empty(values: NDArray[np.uint16], scale: _Scale) -> bool:
    if scale.window is None:
        return True
    dark, light = scale.window
    return float((values > dark + _TISSUE * (light - dark)).mean()) < _LEAST_TISSUE
