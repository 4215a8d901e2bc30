"""What a reader makes of a file: a parent, whose items come one by one.

SourceError
└── UnsupportedFileError
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from schemas.items import ItemEnvelope, RawItem, content_hash
from workers.isolation.bounds import Bounds
from workers.sources.encode import JPEG_QUALITY

# Of a PDF or a web page. The seconds are for each page of a PDF, so that a book of any length can be published: who
# waits for it sees it go on. An ordinary page takes 5 ms; the largest web page that is read (html.py) up to 20 s on a
# free core and 0.4 GB, or 1 GB where it is nothing but tags.
DOCUMENT_BOUNDS = Bounds(seconds=60.0, memory=2 << 30, each_answer=True)
STEM_LENGTH = 80  # characters: an identifier has room for 512, a person reading a log has not


class SourceError(Exception):
    """A file that cannot be read, or not to its end. Its items that came before are good."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class UnsupportedFileError(SourceError):
    """A file of a kind that no reader reads."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How files are read.

    Attributes:
        parent_id: Instead of the file's own: its stem and the beginning of its SHA-256.
        frames_per_second: Of a video, by presentation time. None takes every frame.
        lossless: Frames as PNG instead of JPEG.
        jpeg_quality: 1 to 100.
        started_at: When a video was filmed; its frames get a time if this is given.
        plane: Which slices of a volume are taken; all are the axial, then the coronal, then the sagittal ones.
        words_per_chunk: About as many words as one chunk of a document has.
        secret: The key of medical parent ids (privacy.py). None takes one that ends with the process.
    """

    parent_id: str | None = None
    frames_per_second: float | None = 1.0
    lossless: bool = False
    jpeg_quality: int = JPEG_QUALITY
    started_at: datetime | None = None
    plane: Literal["axial", "coronal", "sagittal", "all"] = "axial"
    words_per_chunk: int = 180
    secret: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.frames_per_second is not None and not 0 < self.frames_per_second <= 1000:  # noqa: PLR2004 (sanity)
            raise ValueError(f"frames_per_second is above 0 and at most 1000, not {self.frames_per_second}")
        if not 1 <= self.jpeg_quality <= 100:  # noqa: PLR2004 (JPEG's own scale)
            raise ValueError(f"jpeg_quality is 1 to 100, not {self.jpeg_quality}")
        if self.words_per_chunk < 1:
            raise ValueError(f"words_per_chunk is at least 1, not {self.words_per_chunk}")


@dataclass(frozen=True, slots=True)
class Parent:
    """A video, volume, document or picture, whose items are read as they are asked for, once.

    Attributes:
        count: How many items there will be; None if only the end tells, which is then told by an event.
        notes: What a person should know about how it was read.
    """

    parent_id: str
    kind: str
    source: str
    count: int | None
    items: Iterator[RawItem]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemMaker:
    """Makes a parent's items, each with its identity and hash."""

    parent_id: str
    kind: str
    source: str
    count: int | None
    content_type: str

    def item(
        self,
        index: int,
        value: bytes,
        *,
        time: datetime | None = None,
        window: tuple[float, float] | None = None,
        empty: bool = False,
        read_as: tuple[str, ...] = (),
    ) -> RawItem:
        """Return the item at `index`. `read_as` are codes of how it had to be read; its score's reasons tell them."""
        low, high = window or (None, None)
        envelope = ItemEnvelope(
            id=f"{self.parent_id}/{index}",
            source=self.source,
            kind=self.kind,
            parent_id=self.parent_id,
            index=index,
            count=self.count,
            content_type=self.content_type,
            content_hash=content_hash(value),
            time=time,
            window_low=low,
            window_high=high,
            empty=empty,
            read_as=read_as,
        )
        return RawItem(envelope, value)


def parent_id_of(path: Path, options: SourceOptions) -> str:
    """Return the parent id of a file: the same for the same name and bytes, on any machine.

    Raises:
        SourceError: The file cannot be read.
    """
    if options.parent_id:
        return options.parent_id
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from error
    stem = path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name
    return f"{printable(stem)[:STEM_LENGTH]}-{digest[:12]}"


def printable(name: str) -> str:
    """Return a file's name as a record can hold it: bytes that are not UTF-8 become question marks."""
    return name.encode(errors="replace").decode()
