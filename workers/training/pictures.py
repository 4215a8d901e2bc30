"""Photographs to train on, and clean variants of them as cameras and codecs would have made.

A frame of 144 lines is no bad frame, and neither is one that went through a good codec or a soft lens: without such
variants among the good items, resolution and codec would be taken for damage.
"""

from __future__ import annotations

import io
from types import MappingProxyType

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.items import ItemEnvelope, RawItem
from workers.decode import InlineDecoder
from workers.media import Medium, Picture
from workers.sources.encode import jpeg
from workers.training.parts import Part, SampleError, hashed, sample_file

Pixels = NDArray[np.uint8]

_SKIMAGE = MappingProxyType(
    {  # licences as its data/_fetchers.py states them; its other files are no pictures as cameras take them
        "astronaut.png": "public domain (NASA)",
        "camera.png": "CC0 1.0",
        "chelsea.png": "CC0 1.0",
        "coffee.png": "CC0 1.0",
        "coins.png": "no known copyright restrictions",
        "grass.png": "CC0 1.0",
        "gravel.png": "CC0 1.0",
        "ihc.png": "no known copyright restrictions",
        "motorcycle_left.png": "Middlebury Stereo 2014, as distributed by scikit-image",
        "rocket.jpg": "public domain (SpaceX)",
    }
)
_SKLEARN = ("china.jpg", "flower.jpg")
_LARGEST = 1.6  # times: many a film of 720 lines shows no more than 450 would
_HEIGHTS = (144, 240, 288, 360, 480, 720)  # lines of usual videos


def picture_parts() -> list[Part]:
    """Return the photographs, each a part, to train on.

    No sample video is bright enough to be called undamaged: that of iscc-samples is a dark stage under black bars.
    """
    found = [_photograph("skimage", ("data", name), licence) for name, licence in _SKIMAGE.items()]
    return [*found, *(_photograph("sklearn", ("datasets", "images", name), "CC BY 2.0") for name in _SKLEARN)]


def _photograph(package: str, path: tuple[str, ...], licence: str) -> Part:
    value = sample_file(package, *path).read_bytes()
    bgr = cv2.imdecode(np.frombuffer(value, dtype=np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise SampleError(f"{package}/{'/'.join(path)} cannot be read")
    picture = Picture(np.ascontiguousarray(bgr[:, :, ::-1]))
    return Part(f"{package}/{path[-1]}", licence, "train", hashed(value), (picture,))


def picture_variant(medium: Medium, rng: np.random.Generator) -> Medium:
    """Return a clean picture as another camera and codec would have delivered it: cut, scaled, graded, coded."""
    if not isinstance(medium, Picture):
        raise TypeError(f"a picture is needed, not a {type(medium).__name__}")
    rgb = _graded(_scaled(_cut(medium.rgb, rng), rng), rng)
    return Picture(_coded(rgb, rng))


def _cut(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    height, width = rgb.shape[:2]
    share = rng.uniform(0.55, 1.0)
    tall, wide = max(144, round(height * share)), max(144, round(width * share))
    top, left = int(rng.integers(0, max(1, height - tall + 1))), int(rng.integers(0, max(1, width - wide + 1)))
    cut = rgb[top : top + tall, left : left + wide]
    return cut[:, ::-1] if rng.random() < 0.5 else cut  # noqa: PLR2004 (half of them mirrored)


def _scaled(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Bring to a usual height, sometimes enlarged and softened a little: films are no sharper."""
    heights = [height for height in _HEIGHTS if height < rgb.shape[0] * _LARGEST]
    if heights and rng.random() < 0.8:  # noqa: PLR2004 (one in five stays as it is)
        lines = int(rng.choice(heights))
        size = (round(rgb.shape[1] * lines / rgb.shape[0]), lines)
        how = cv2.INTER_AREA if lines < rgb.shape[0] else cv2.INTER_CUBIC
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=how), dtype=np.uint8)
    if rng.random() < 0.5:  # noqa: PLR2004 (lenses and codecs are softer than resampled photographs)
        sigma = rng.uniform(0.3, 0.6 + 0.5 * min(1.0, rgb.shape[0] / 720))
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), dtype=np.uint8)
    return rgb


def _graded(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    levels = np.linspace(0.0, 1.0, 256) ** rng.uniform(0.8, 1.2) * rng.uniform(0.9, 1.05)
    return np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)[rgb]


def _coded(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the picture after a good video codec or JPEG, as `InlineDecoder` reads it."""
    if rng.random() < 0.4:  # noqa: PLR2004 (the others were never video)
        rgb = _through_h264(rgb, int(rng.integers(18, 30)))
    envelope = ItemEnvelope(
        id="0", source="training", kind="video-frame", parent_id="0", index=0, content_type="image/jpeg"
    )
    medium = InlineDecoder().decode(RawItem(envelope, jpeg(rgb, int(rng.integers(88, 97)))))
    if not isinstance(medium, Picture):
        raise TypeError("a video frame must decode to a picture")
    return medium.rgb


def _through_h264(rgb: Pixels, crf: int) -> Pixels:
    """Return the second of two frames of H.264 at this constant rate factor: predicted, as most frames are."""
    even = np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = even.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for shift in (2, 0):
            frame = av.VideoFrame.from_ndarray(np.roll(even, shift, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.asarray([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][-1])
