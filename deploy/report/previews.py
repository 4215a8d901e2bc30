"""What an item looks like in a page: a thumbnail, or the beginning of a text. No bytes of an item can break it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from schemas.items import RawItem
from streams import envelope
from workers.decode import InlineDecoder
from workers.media import Chunk, Medium, Picture

HEIGHT: Final = 96  # px
_WIDTH: Final = 256
_QUALITY: Final = 80
_EXCERPT: Final = 240  # characters

_decoder = InlineDecoder()


@dataclass(frozen=True, slots=True)
class Preview:
    """A JPEG as a data URI with its size in px, or an excerpt."""

    picture: str = ""
    width: int = 0
    height: int = 0
    text: str = ""

    @property
    def size(self) -> int:
        """How many characters it takes in a page."""
        return len(self.picture) + len(self.text)


def preview(headers: envelope.ConsumedHeaders, key: bytes | None, value: bytes | None) -> Preview | None:
    """Return the preview of a message on `items`, or None where there is nothing to be seen."""
    try:
        item = envelope.parse(headers, key, value)
        return of_medium(_decoder.decode(item)) if isinstance(item, RawItem) else None
    except Exception:  # noqa: BLE001 (a stranger's bytes; a page without one picture is better than no page)
        return None


def of_medium(medium: Medium) -> Preview:
    """Return the preview of a decoded item."""
    if isinstance(medium, Chunk):
        return Preview(text=excerpt(medium.text))
    if isinstance(medium, Picture):
        return _thumbnail(medium.rgb)
    gray = np.rint(medium.intensity * 255.0).astype(np.uint8)
    return _thumbnail(np.repeat(gray[:, :, None], 3, axis=2))


def excerpt(text: str) -> str:
    """Return the beginning of a text in one line, cut between words where it can be."""
    line = " ".join(text[: _EXCERPT * 8].split())
    if len(line) <= _EXCERPT:
        return line
    words = line[:_EXCERPT].rpartition(" ")[0]
    return f"{words or line[:_EXCERPT]} …"


def _thumbnail(rgb: NDArray[np.uint8]) -> Preview:
    """Return a picture (height, width, 3) that fits into the strip; a smaller one keeps its size."""
    height, width = rgb.shape[:2]
    scale = min(1.0, HEIGHT / height, _WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    data = base64.b64encode(simplejpeg.encode_jpeg(small, quality=_QUALITY, colorspace="RGB")).decode()
    return Preview(f"data:image/jpeg;base64,{data}", *size)
