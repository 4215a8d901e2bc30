"""Text and Markdown: chunks of whole paragraphs and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from schemas.items import RawItem
from workers.sources.parent import ItemMaker, Parent, SourceError, SourceOptions, parent_id_of

KIND = "document-chunk"

_LINE_CHARACTERS = 65_536  # a longer line is read in parts: memory stays bounded, whatever the file
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][\"')\]])\s+")
_LARGEST = 1.5  # times the wished size: a sentence that exceeds this is cut between words


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a document's chunks as a parent. The same file and size give the same chunks.

    The file is read as UTF-8, and bytes that are not stay as they are: judging them is the gate's work. It is read
    twice, once to count.

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
    """Yield texts of about `size` words: paragraphs as long as they fit, and a last one that may be short."""
    gathered: list[str] = []
    words = 0
    for piece in _pieces(path, size):
        length = len(piece.split())
        if gathered and words + length > size * _LARGEST:
            yield "".join(gathered).strip()
            gathered, words = [], 0
        gathered.append(piece)
        words += length
        if words >= size:
            yield "".join(gathered).strip()
            gathered, words = [], 0
    if words:
        yield "".join(gathered).strip()


def _pieces(path: Path, size: int) -> Iterator[str]:
    """Yield what chunks are made of: paragraphs, or the sentences of one that is too long, with what separates them."""
    for paragraph in _paragraphs(path, size):
        if len(paragraph.split()) <= size:
            yield paragraph + "\n\n"
            continue
        for sentence in _SENTENCE_END.split(paragraph):
            yield from _cut(sentence, size)
        yield "\n\n"


def _cut(sentence: str, size: int) -> Iterator[str]:
    words = sentence.split()
    if len(words) <= size * _LARGEST:
        yield sentence + " "
        return
    for start in range(0, len(words), size):
        yield " ".join(words[start : start + size]) + " "


def _paragraphs(path: Path, size: int) -> Iterator[str]:
    """Yield paragraphs (what blank lines separate), one of more than 20 chunks' words in parts."""
    lines: list[str] = []
    words = 0
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for line in iter(lambda: file.readline(_LINE_CHARACTERS), ""):
            if line.strip():
                lines.append(line)
                words += len(line.split())
            if lines and (not line.strip() or words > 20 * size):
                yield "".join(lines).strip()
                lines, words = [], 0
    if lines:
        yield "".join(lines).strip()
