from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.items import RawItem
from workers.isolation.bounds import Bounds
from workers.media import Medium, UndecodableError

_JPEG_SCAN = b"\xff\xda"  # only markers begin with ff: in compressed data a 00 follows it
UNDECLARED = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an item may become when it is decoded. A few bytes can ask for gigabytes.

    Attributes:
        pixels: Width times height of a picture or slice; 64 MP hold any ordinary camera's pictures.
        scans: Passes over the pixels of a progressive JPEG; ordinary ones have about ten.
        text_bytes: Length of a chunk in bytes.
        document_seconds: How long reading a PDF or a web page may take, by the clock. The longest text that is allowed
            takes about 5 s on a free core, be it 1300 pages or 4 MB of HTML, and 10 on a busy one. A worker that is
            told to stop has 20 s for what it has begun.
        document_memory: Bytes that it may take. The longest web page takes 0.2 GB.
    """

    pixels: int = 64_000_000
    scans: int = 200
    text_bytes: int = 4_000_000
    document_seconds: float = 20.0
    document_memory: int = 1 << 30

    @property
    def bounds(self) -> Bounds:
        """What reading a PDF or a web page may take."""
        return Bounds(self.document_seconds, self.document_memory)

    def check_scans(self, value: bytes) -> None:
        """Raise UndecodableError("too_large") for a JPEG with more scans than allowed."""
        if value.count(_JPEG_SCAN) > self.scans:
            raise UndecodableError("too_large", f"more than {self.scans} scans: decoding them would take too long")

    def check_pixels(self, width: int, height: int) -> None:
        """Raise UndecodableError("too_large") for more pixels than allowed."""
        if width * height > self.pixels:
            raise UndecodableError("too_large", f"{width} x {height} pixels, more than the limit of {self.pixels}")


Reader = Callable[[RawItem, Limits], Medium]
"""Reads the items of one kind. A module-level function, so that it can be sent to another process."""


def media_type(item: RawItem) -> str:
    """Return the declared content type in lower case, without parameters such as a charset."""
    return item.envelope.content_type.partition(";")[0].strip().lower()
