"""Text and Markdown: chunks of whole paragraphs and sentences."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from schemas.items import RawItem
from workers.sources.chunks import chunks, count_words
from workers.sources.parent import ItemMaker, Parent, SourceError, SourceOptions, parent_id_of

KIND = "document-chunk"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_LINE_CHARACTERS = 65_536  # a longer line is read in parts: memory stays bounded, whatever the file


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a document's chunks as a parent. The same file and size give the same chunks.

    The file is read as UTF-8, and bytes that are not stay as they are: judging them is the gate's work. One that
    begins with the byte order mark of UTF-16 is read as that, and its chunks are UTF-8. It is read twice, once to
    count.

    Raises:
        SourceError: The file cannot be read, or holds no text.
    """
    try:
        count = sum(1 for _ in _chunks(path, options.words_per_chunk))
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from error
    if not count:
        raise SourceError(path, "holds no text")
    suffix = path.suffix.lower()
    content_type = "text/markdown" if suffix in {".md", ".markdown"} else "text/plain"
    make = ItemMaker(parent_id_of(path, options), KIND, source, count, content_type)
    return Parent(make.parent_id, KIND, source, count, _items(path, make, options.words_per_chunk))


def _items(path: Path, make: ItemMaker, size: int) -> Iterator[RawItem]:
    try:
        for index, text in enumerate(_chunks(path, size)):
            yield make.item(index, text.encode("utf-8", errors="surrogateescape"))
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from error


def _chunks(path: Path, size: int) -> Iterator[str]:
    return chunks(_paragraphs(path, size), size)


def _paragraphs(path: Path, size: int) -> Iterator[str]:
    """Yield paragraphs (what blank lines separate), one of more than 20 chunks' words in parts."""
    lines: list[str] = []
    words = 0
    encoding, errors = _encoding(path)
    with path.open(encoding=encoding, errors=errors) as file:
        for line in iter(lambda: file.readline(_LINE_CHARACTERS), ""):
            if line.strip():
                lines.append(line)
                words += count_words(line)
            if lines and (not line.strip() or words > 20 * size):
                yield "".join(lines).strip()
                lines, words = [], 0
    if lines:
        yield "".join(lines).strip()


def _encoding(path: Path) -> tuple[str, str]:
    """Return the encoding, and what becomes of bytes that are not in it: UTF-16 has no way to keep them."""
    with path.open("rb") as file:
        return ("utf-16", "replace") if file.read(2) in UTF_16_MARKS else ("utf-8-sig", "surrogateescape")
