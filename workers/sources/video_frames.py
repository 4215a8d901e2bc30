"""The frames of a video file in order: from the first key frame on, deinterlaced, with their exact times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import PictureType

from workers.sources.deinterlace import Deinterlacer
from workers.sources.parent import SourceError

FRAME_PIXELS = 64_000_000  # the same as the decoder's limit: a larger frame could not be judged
_MISSING_END = 0.95  # of the announced length: less than this, and the file was cut off
_WHOLE = (PictureType.I, PictureType.SI)


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame.

    Attributes:
        at: Seconds since the first frame.
        pixel_aspect: Width of a pixel by its height.
        deinterlaced: It was two fields, and is one picture now.
        skipped: How many frames before the first key frame were left out.
    """

    at: Fraction
    frame: av.VideoFrame
    pixel_aspect: Fraction
    deinterlaced: bool
    skipped: int


def frames(path: Path) -> Iterator[TimedFrame]:
    """Yield all frames of the first video stream, one in memory at a time.

    Frames before the first key frame lack the pictures that they were made from: they are left out.

    Raises:
        SourceError: The file is no video, has no key frame, has frames that are too large, or breaks off.
    """
    with _open(path) as container:
        stream = _video_stream(path, container)
        deinterlacer = Deinterlacer()
        reader = _Reader(container, stream)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        first = last = None
        try:
            for frame, deinterlaced in deinterlacer.frames(reader.frames()):
                last = (frame.pts or 0) * Fraction(frame.time_base)
                first = last if first is None else first
                yield TimedFrame(last - first, frame, aspect, deinterlaced, reader.skipped)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(path, f"breaks off{_after(first, last)}: {error}") from error
        if first is None or last is None:
            missing = "holds no frame that can be decoded" if reader.has_key else "has no key frame"
            raise SourceError(path, missing)
        _check_end(path, stream, first, last)


@dataclass(slots=True)
class _Reader:
    container: av.container.InputContainer
    stream: av.VideoStream
    has_key: bool = False
    skipped: int = 0

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield the frames from the first whole one on. What cannot be decoded before it is no error."""
        started = False
        for packet in self.container.demux(self.stream):
            self.has_key = self.has_key or (packet.is_keyframe and packet.size > 0)
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                if started or self.has_key:
                    raise
                continue
            for frame in decoded:
                started = started or frame.key_frame or frame.pict_type in _WHOLE
                if frame.pts is None:  # one without a time is a decoder's leftover
                    continue
                if started:
                    yield frame
                else:
                    self.skipped += 1


def check_size(path: Path, width: int, height: int) -> None:
    """Raise SourceError for frames of more pixels than can be judged."""
    if width * height > FRAME_PIXELS:
        raise SourceError(path, f"has frames of {width} x {height} pixels, more than the limit of {FRAME_PIXELS}")


def _open(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path), "r")
    except (av.FFmpegError, OSError) as error:
        raise SourceError(path, f"cannot be read as a video: {error}") from error


def _video_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise SourceError(path, "holds no video stream")
    stream = container.streams.video[0]
    check_size(path, stream.codec_context.width, stream.codec_context.height)
    stream.codec_context.options = {"max_pixels": str(FRAME_PIXELS)}  # also of frames that grow on the way
    return stream


def _after(first: Fraction | None, last: Fraction | None) -> str:
    return "" if first is None or last is None else f" after {float(last - first):.1f} s"


def _check_end(path: Path, stream: av.VideoStream, first: Fraction, last: Fraction) -> None:
    """Raise where the frames end long before the stream's announced length: readers take a cut for an end."""
    if not stream.duration or not stream.time_base:
        return
    announced = stream.duration * Fraction(stream.time_base)
    start = first if stream.start_time is None else stream.start_time * Fraction(stream.time_base)
    seen = last - min(first, start)  # frames that were skipped at the start are not missing at the end
    one_frame = 1 / Fraction(stream.average_rate) if stream.average_rate else Fraction(0)
    if seen + 2 * one_frame < announced * Fraction(_MISSING_END):
        raise SourceError(path, f"is truncated: frames end at {float(seen):.1f} s of {float(announced):.1f} s")
