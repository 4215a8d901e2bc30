"""Videos: frames by presentation time, as a player would show them, one in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

from schemas.items import RawItem
from workers.sources.display import NOTES, shown
from workers.sources.encode import jpeg, png
from workers.sources.parent import ItemMaker, Parent, SourceError, SourceOptions, parent_id_of
from workers.sources.video_frames import TimedFrame, frames

KIND = "video-frame"


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a video's frames as a parent. How many there are is known at the end only, so its count is None.

    Frames are deinterlaced, of ordinary dynamic range, of square pixels and upright; what that took is in the notes,
    as far as the first frame tells, and in each item's `read_as`.

    Raises:
        SourceError: The file is no video that can be read. Raised later, by the items, where it breaks off.
    """
    notes = _notes(path)
    content_type = "image/png" if options.lossless else "image/jpeg"
    make = ItemMaker(parent_id_of(path, options), KIND, source, None, content_type)
    return Parent(make.parent_id, KIND, source, None, _items(path, make, options), notes)


def _notes(path: Path) -> tuple[str, ...]:
    first = next(frames(path), None)
    if first is None:
        raise SourceError(path, "holds no frame that can be decoded")
    notes = [NOTES[code] for code in shown(path, first)[1]]
    if first.skipped:
        notes.insert(0, f"{first.skipped} frames before the first key frame were left out")
    return tuple(notes)


def _items(path: Path, make: ItemMaker, options: SourceOptions) -> Iterator[RawItem]:
    started = options.started_at
    for index, timed in enumerate(_chosen(path, options.frames_per_second)):
        rgb, codes = shown(path, timed)
        value = png(rgb) if options.lossless else jpeg(rgb, options.jpeg_quality)
        time = started + timedelta(seconds=float(timed.at)) if started else None
        yield make.item(index, value, time=time, read_as=codes)


def _chosen(path: Path, rate: float | None) -> Iterator[TimedFrame]:
    """Yield the first frame at or after each multiple of 1 / rate."""
    step = None if rate is None else 1 / Fraction(rate).limit_denominator(100_000)
    taken = 0
    for timed in frames(path):
        if step is not None:
            if timed.at < taken * step:
                continue
            taken = int(timed.at // step) + 1  # a gap in the video is not made up for by more frames after it
        yield timed
