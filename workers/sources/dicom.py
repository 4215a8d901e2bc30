"""DICOM: series of MR slices, as 16-bit PNGs that share one scale, as a NIfTI volume's do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset

from schemas.items import RawItem
from workers.sources.dicomfile import class_of, is_dicom, name_of, read_header
from workers.sources.dicomframe import Frame, frames_of
from workers.sources.dicompixels import read_plane
from workers.sources.dicomseries import Series, series_of
from workers.sources.parent import ItemMaker, Parent, SourceError, SourceOptions
from workers.sources.privacy import medical_id
from workers.sources.scale import VOXELS, Scale

__all__ = ["SeriesFound", "find_series", "is_dicom"]

KIND = "mri-slice"

_MR: Final = frozenset(  # MR Image, Enhanced MR Image, Legacy Converted Enhanced MR Image
    {"1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4"}
)
_GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})


@dataclass(frozen=True, slots=True)
class SeriesFound:
    """What DICOM files hold.

    Attributes:
        parents: Each opens one series when it is called, and raises SourceError where none of its slices can be read.
        skipped: What was not taken, how many of it and why. Nothing of a patient, and no file's name.
        problems: The files that are broken.
    """

    parents: tuple[Callable[[], Parent], ...]
    skipped: tuple[str, ...]
    problems: tuple[SourceError, ...]


def find_series(paths: Sequence[Path], *, source: str, options: SourceOptions) -> SeriesFound:
    """Return the series that files belong to. Headers are read now, pixels when a series is opened.

    A parent is a series, or the part of one with the same echo, b-value, time, image type, orientation and size
    (dicomseries.py). Its id is a keyed hash (privacy.py); an id of the options' own is numbered where it meets several.
    """
    frames: dict[Hashable, Frame] = {}
    skipped: Counter[str] = Counter()
    problems: list[SourceError] = []
    for path in paths:
        try:
            found = _wanted(path, skipped)
        except SourceError as error:
            problems.append(error)
            continue
        for frame in found:
            key = (frame.instance or path, frame.number, frame.order, frame.position)
            skipped["a copy of a slice that is there already"] += key in frames
            frames.setdefault(key, frame)
    parts = series_of(frames.values())
    names = _names(options.parent_id, len(parts))
    parents = (
        partial(_open, part, source, replace(options, parent_id=name)) for part, name in zip(parts, names, strict=True)
    )
    counts = tuple(f"{count} skipped: {reason}" for reason, count in sorted(skipped.items()) if count)
    return SeriesFound(tuple(parents), counts, tuple(problems))


def _names(own: str | None, count: int) -> list[str | None]:
    return [own] * count if own is None or count == 1 else [f"{own}-{number}" for number in range(1, count + 1)]


def _wanted(path: Path, skipped: Counter[str]) -> list[Frame]:
    """Return the frames of a file that are to be judged; what is not is counted."""
    header = read_header(path)
    reason = _other_object(header)
    if reason:
        skipped[reason] += 1
        return []
    wanted: list[Frame] = []
    for frame in frames_of(path, header):
        reason = _other_type(frame.image_type)
        if reason:
            skipped[reason] += 1
        else:
            wanted.append(frame)
    return wanted


def _other_object(header: FileDataset) -> str | None:
    """Return why a file holds no slices to be judged, if so."""
    kind = class_of(header)
    if kind not in _MR:
        return f"{name_of(kind)}, which is no MR image"
    if header.get("SamplesPerPixel", 1) != 1 or header.get("PhotometricInterpretation", "MONOCHROME2") not in _GREY:
        return "a picture in colour"
    if str(header.get("BurnedInAnnotation", "")).upper() == "YES":
        return "pixels with text burned in, which may name a patient"
    return None


def _other_type(image_type: tuple[str, ...]) -> str | None:
    """Return why a slice is not to be judged by itself, if so."""
    if "LOCALIZER" in image_type:
        return "a localizer"
    if "MOSAIC" in image_type:
        return "a mosaic of many slices in one"
    if image_type[:1] == ("DERIVED",) or image_type[1:2] == ("SECONDARY",):
        return "a derived or secondary image"
    return None


def _open(series: Series, source: str, options: SourceOptions) -> Parent:
    first = series.frames[0]
    count = len(series.frames)
    if first.rows * first.columns * count > VOXELS:
        size = f"{count} x {first.rows} x {first.columns}"
        raise SourceError(first.path, f"belongs to a series of {size} pixels, more than the limit of {VOXELS}")
    planes, problems = _planes(series)
    if not planes:
        raise problems[0]
    make = ItemMaker(medical_id(options, "dicom", *series.identity), KIND, source, count, "image/png")
    return Parent(make.parent_id, KIND, source, count, _items(planes, problems, make), _notes(series, planes))


def _planes(series: Series) -> tuple[dict[int, NDArray[np.float32]], list[SourceError]]:
    """Return the slices that can be read by their place in the series, and what is wrong with the others."""
    planes: dict[int, NDArray[np.float32]] = {}
    problems: list[SourceError] = []
    for index, frame in enumerate(series.frames):
        try:
            planes[index] = read_plane(frame)
        except SourceError as error:
            problems.append(error)
    return planes, problems


def _notes(series: Series, planes: dict[int, NDArray[np.float32]]) -> tuple[str, ...]:
    masked = sum(int(np.isnan(plane).sum()) for plane in planes.values())
    padding = (f"{masked} pixels are padding, and were set to the darkest",) if masked else ()
    return (*series.notes, *padding)


def _items(planes: dict[int, NDArray[np.float32]], problems: list[SourceError], make: ItemMaker) -> Iterator[RawItem]:
    """Yield the slices that can be read; then raise for the others, which the count of the parent includes."""
    scale = Scale.of(np.stack(list(planes.values())))
    for index, plane in planes.items():
        yield scale.item(make, index, plane)
    if problems:
        more = f" (and {len(problems) - 1} other slices of its series)" if len(problems) > 1 else ""
        raise SourceError(problems[0].path, problems[0].problem + more)
