"""Videos: frames by presentation time, turned upright, one in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from schemas.items import RawItem
from workers.sources.encode import jpeg, png
from workers.sources.parent import ItemMaker, Parent, SourceError, SourceOptions, parent_id_of

KIND = "video-frame"

_FRAME_PIXELS = 64_000_000  # the same as the decoder's limit: a larger frame could not be judged
_MISSING_END = 0.95  # of the announced length: less than this, and the file was cut off


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a video's frames as a parent. How many there are is known at the end only, so its count is None.

    Raises:
        SourceError: The file is no video that can be read. Raised later, by the items, where it breaks off.
    """
    with _open(path) as container:
        _video_stream(path, container)
    content_type = "image/png" if options.lossless else "image/jpeg"
    make = ItemMaker(parent_id_of(path, options), KIND, source, None, content_type)
    return Parent(make.parent_id, KIND, source, None, _items(path, make, options))


def _open(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path), "r")
    except (av.FFmpegError, OSError) as error:
        raise SourceError(path, f"cannot be read as a video: {error}") from error


def _video_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise SourceError(path, "holds no video stream")
    stream = container.streams.video[0]
    if stream.codec_context.width * stream.codec_context.height > _FRAME_PIXELS:
        size = f"{stream.codec_context.width} x {stream.codec_context.height}"
        raise SourceError(path, f"has frames of {size} pixels, more than the limit of {_FRAME_PIXELS}")
    return stream


def _items(path: Path, make: ItemMaker, options: SourceOptions) -> Iterator[RawItem]:
    started = options.started_at
    for index, (at, rgb) in enumerate(_chosen(path, options.frames_per_second)):
        value = png(rgb) if options.lossless else jpeg(rgb, options.jpeg_quality)
        yield make.item(index, value, time=started + timedelta(seconds=at) if started else None)


def _chosen(path: Path, rate: float | None) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (seconds from the first frame, RGB) of the first frame at or after each multiple of 1 / rate."""
    step = None if rate is None else 1 / Fraction(rate).limit_denominator(100_000)
    taken = 0
    for at, frame in _frames(path):
        if step is not None:
            if at < taken * step:
                continue
            taken = int(at // step) + 1  # a gap in the video is not made up for by more frames after it
        yield float(at), _upright(frame)


def _frames(path: Path) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Yield all frames with their exact time in seconds since the first."""
    with _open(path) as container:
        stream = _video_stream(path, container)
        first = last = None
        try:
            for frame in container.decode(stream):
                if frame.pts is not None:  # one without a time is a decoder's leftover
                    last = frame.pts * Fraction(frame.time_base)
                    first = last if first is None else first
                    yield last - first, frame
        except (av.FFmpegError, OSError) as error:
            raise SourceError(path, f"breaks off{_after(first, last)}: {error}") from error
        if first is None or last is None:
            raise SourceError(path, "holds no frame that can be decoded")
        _check_end(path, stream, last - first)


def _after(first: Fraction | None, last: Fraction | None) -> str:
    return "" if first is None or last is None else f" after {float(last - first):.1f} s"


def _check_end(path: Path, stream: av.VideoStream, seen: Fraction) -> None:
    """Raise where the frames end long before the stream's announced length: readers take a cut for an end."""
    if not stream.duration or not stream.time_base:
        return
    announced = stream.duration * Fraction(stream.time_base)
    one_frame = 1 / Fraction(stream.average_rate) if stream.average_rate else Fraction(0)
    if seen + 2 * one_frame < announced * Fraction(_MISSING_END):
        raise SourceError(path, f"is truncated: frames end at {float(seen):.1f} s of {float(announced):.1f} s")


def _upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return the frame as RGB, turned by the display matrix (counterclockwise degrees, in quarter turns)."""
    rgb: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))
