"""A picture file: a parent of one item, its bytes as they are."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from pathlib import Path

from schemas.items import RawItem
from workers.sources.parent import ItemMaker, Parent, SourceError, SourceOptions, parent_id_of

KIND = "image"


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a picture file as a parent. Whether it can be decoded is found where items are judged.

    Raises:
        SourceError: The file cannot be read.
    """
    make = ItemMaker(parent_id_of(path, options), KIND, source, 1, content_type_of(path))
    return Parent(make.parent_id, KIND, source, 1, _items(path, make))


def content_type_of(path: Path) -> str:
    """Return a picture's media type by its suffix; without a known one, the decoder goes by the bytes."""
    if path.suffix.lower() == ".webp":
        return "image/webp"  # Python 3.11 does not know it by itself
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _items(path: Path, make: ItemMaker) -> Iterator[RawItem]:
    try:
        value = path.read_bytes()
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from error
    yield make.item(0, value)
