"""Web pages: their title and visible text in chunks of whole paragraphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from schemas.items import RawItem
from workers.isolation.bounds import ReadingError
from workers.isolation.documents import read_page
from workers.sources.chunks import chunks
from workers.sources.parent import DOCUMENT_BOUNDS, ItemMaker, Parent, SourceError, SourceOptions, parent_id_of
from workers.sources.text import KIND

_MOST_BYTES = 16_000_000  # as a tree in memory, a page takes about ten times its size


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a page's chunks as a parent: plain text in UTF-8, the page's title first. See webpage.py for what is read.

    Bytes that are not in the page's charset become U+FFFD, and the scores' reasons tell of it ("invalid_utf8").

    Raises:
        SourceError: The file cannot be read, is too large, takes too long or too much memory, or shows no text.
    """
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise SourceError(path, f"has {size} bytes, more than the limit of {_MOST_BYTES} for a page")
        paragraphs, replaced = read_page(path.read_bytes(), DOCUMENT_BOUNDS)
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from error
    except ReadingError as error:
        raise SourceError(path, error.detail) from error
    texts = list(chunks(paragraphs, options.words_per_chunk))
    if not texts:
        raise SourceError(path, "shows no text, or none outside of navigation, header and footer")
    make = ItemMaker(parent_id_of(path, options), KIND, source, len(texts), "text/plain")
    notes = (f"{replaced} times, bytes that are not in its charset were replaced",) if replaced else ()
    return Parent(make.parent_id, KIND, source, len(texts), _items(texts, make, replaced=bool(replaced)), notes)


def _items(texts: Sequence[str], make: ItemMaker, *, replaced: bool) -> Iterator[RawItem]:
    for index, text in enumerate(texts):
        read_as = ("invalid_utf8",) if replaced and "\ufffd" in text else ()
        yield make.item(index, text.encode("utf-8", errors="replace"), read_as=read_as)
