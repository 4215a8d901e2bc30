"""The frames of a DICOM file: one of an ordinary MR image, many of an enhanced one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import Dataset, FileDataset
from pydicom.uid import UID

from workers.sources.dicomfile import BROKEN, image_type, syntax_of
from workers.sources.dicomtags import Split, number, numbers, split_of, whole
from workers.sources.parent import SourceError
from workers.sources.privacy import quiet, reworded
from workers.sources.scale import VOXELS

_PIXELS: Final = 64_000_000  # of a slice; the same as the decoder's limit: a larger one could not be judged


@dataclass(frozen=True, slots=True)
class Frame:
    """One slice of a file, before its pixels are read.

    Attributes:
        number: Its place among the frames of its file, from 0.
        position: Of its first pixel, in mm, in the patient's system (LPS).
        orientation: Direction cosines of its rows, then of its columns.
        order: Its InstanceNumber.
        moment: What orders the slices at one position, first to last.
        padding: The stored values that stand for no pixel, from and to.
    """

    path: Path
    number: int
    syntax: UID
    series: str
    instance: str
    rows: int
    columns: int
    image_type: tuple[str, ...]
    split: Split
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    order: int
    moment: tuple[str, float]
    slope: float
    intercept: float
    inverted: bool
    padding: tuple[int, int] | None


def frames_of(path: Path, header: FileDataset) -> list[Frame]:
    """Return the frames that the header of an MR image describes.

    Raises:
        SourceError: It announces more than the limits, or does not say what is needed.
    """
    try:
        with quiet():
            count = _checked_count(path, header)
            return [_frame(path, header, index, tags) for index, tags in enumerate(_each(header, count))]
    except BROKEN as error:
        raise SourceError(path, f"has a header that cannot be read: {reworded(error)}") from None


def _checked_count(path: Path, header: Dataset) -> int:
    """Return how many frames there are, once it is known that they fit into memory."""
    rows, columns = whole(header.get("Rows")) or 0, whole(header.get("Columns")) or 0
    count = whole(header.get("NumberOfFrames") or 1) or 0
    if min(rows, columns, count) < 1 or not header.get("SeriesInstanceUID"):
        raise SourceError(path, "has a header without a size or a series")
    if rows * columns > _PIXELS or rows * columns * count > VOXELS:
        size = f"{count} x {rows} x {columns}"
        raise SourceError(path, f"announces {size} pixels: the limits are {_PIXELS} a slice and {VOXELS} in all")
    groups = header.get("PerFrameFunctionalGroupsSequence") or ()
    if (count > 1 or groups) and len(groups) != count:
        raise SourceError(path, f"has {count} frames, and does not say of each where it lies")
    return count


def _each(header: Dataset, count: int) -> Iterator[Dataset]:
    """Yield each frame's tags. Of an enhanced object, they are in sequences of groups, shared or the frame's own."""
    groups = header.get("PerFrameFunctionalGroupsSequence")
    if not groups:
        yield header
        return
    shared = header.get("SharedFunctionalGroupsSequence") or ()
    for index in range(count):
        tags = Dataset()
        for group in (*shared, groups[index]):
            for element in group:
                if element.VR == "SQ" and element.value:
                    tags.update(element.value[0])
        tags.InstanceNumber = index + 1
        yield tags


def _frame(path: Path, header: FileDataset, index: int, tags: Dataset) -> Frame:
    kind = image_type(tags) or image_type(header)
    position, orientation = (numbers(tags.get(f"Image{name}Patient")) for name in ("Position", "Orientation"))
    moment = str(tags.get("AcquisitionTime") or tags.get("FrameAcquisitionDateTime") or "")
    return Frame(
        path=path,
        number=index,
        syntax=syntax_of(header),
        series=str(header.SeriesInstanceUID),
        instance=str(header.get("SOPInstanceUID", "")),
        rows=int(header.Rows),
        columns=int(header.Columns),
        image_type=kind,
        split=split_of(tags, kind),
        position=position if len(position) == 3 else None,  # noqa: PLR2004 (dimensions of space)
        orientation=orientation if len(orientation) == 6 else None,  # noqa: PLR2004 (of two vectors)
        order=whole(tags.get("InstanceNumber")) or 0,
        moment=(moment, number(tags.get("TriggerTime")) or 0.0),
        slope=number(tags.get("RescaleSlope")) or 1.0,
        intercept=number(tags.get("RescaleIntercept")) or 0.0,
        inverted=header.get("PhotometricInterpretation") == "MONOCHROME1",
        padding=_padding(header),
    )


def _padding(header: Dataset) -> tuple[int, int] | None:
    value, limit = whole(header.get("PixelPaddingValue")), whole(header.get("PixelPaddingRangeLimit"))
    if value is None:
        return None
    return (value, value) if limit is None else (min(value, limit), max(value, limit))
