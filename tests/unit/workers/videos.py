"""Videos that are written for tests, and the frames that are read from them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from schemas.items import RawItem
from tests.unit.workers.samples import opened
from workers.decode import InlineDecoder
from workers.media import Picture

HEIGHT, WIDTH = 64, 96


def moving_bar(number: int) -> NDArray[np.uint8]:
    rgb = np.full((HEIGHT, WIDTH, 3), 60, dtype=np.uint8)
    rgb[:, number * 4 : number * 4 + 16] = 220
    return rgb


def write(
    path: Path,
    picture: Callable[[int], NDArray[np.uint8]],
    frames: int = 10,
    codec: str = "libx264",
    *,
    x264: str = "keyint=5:scenecut=0",
    aspect: Fraction = Fraction(1),
    turned: bool = False,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = WIDTH, len(picture(0)), "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": "8", "x264-params": x264}
        stream.codec_context.sample_aspect_ratio = aspect
        if turned:
            stream.set_display_rotation(180)
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def without_packets(path: Path, out: Path, unwanted: Callable[[int], bool]) -> Path:
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.dts is not None and not unwanted(number):
                packet.stream = stream
                target.mux(packet)
    return out


def taken(path: Path) -> list[RawItem]:
    return list(opened(path, frames_per_second=None, lossless=True).items)


def pixels(item: RawItem) -> NDArray[np.int64]:
    medium = InlineDecoder().decode(item)
    assert isinstance(medium, Picture)
    return medium.rgb.astype(np.int64)
