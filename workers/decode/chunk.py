from __future__ import annotations

import codecs
from dataclasses import replace
from typing import Final

from schemas.items import RawItem
from workers.decode.content import check_text
from workers.decode.html import is_html, read_html
from workers.decode.limits import Limits
from workers.decode.pdf import is_pdf, read_pdf
from workers.media import Chunk, UndecodableError

# Longer marks first: that of UTF-32 begins like that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8", ()),
    (codecs.BOM_UTF32_LE, "utf-32-le", ("read_from_utf_32",)),
    (codecs.BOM_UTF32_BE, "utf-32-be", ("read_from_utf_32",)),
    (codecs.BOM_UTF16_LE, "utf-16-le", ("read_from_utf_16",)),
    (codecs.BOM_UTF16_BE, "utf-16-be", ("read_from_utf_16",)),
    (b"", "utf-8", ()),
)
_REPLACEMENT: Final = "\ufffd"


def read_chunk(item: RawItem, limits: Limits) -> Chunk:
    """Return the item's text, and whether it is known to be the last of several chunks.

    Raises:
        UndecodableError: see `_read`.
    """
    chunk = _read(item, limits)
    return replace(chunk, tail=True) if item.envelope.last else chunk


def _read(item: RawItem, limits: Limits) -> Chunk:
    """Return the item's text: that of a PDF or a web page, or else plain text of UTF-8.

    A byte order mark says that it is UTF-16 or UTF-32 instead, and is dropped. Bytes that are no characters become
    U+FFFD and the reason "invalid_utf8", or "invalid_utf16" and so on, and are counted: broken text is low quality, not
    no text. NUL characters are dropped, with the reason "nul_dropped".

    Raises:
        UndecodableError: "wrong_content_type", "unsupported_content_type", "too_large", or "empty" where there is
            nothing but white space; for PDFs also "encrypted_pdf", "bad_pdf" and "needs_ocr".
    """
    if is_pdf(item):
        return read_pdf(item, limits)
    if is_html(item):
        return read_html(item, limits)
    check_text(item)
    if len(item.value) > limits.text_bytes:
        raise UndecodableError("too_large", f"{len(item.value)} bytes, more than the limit of {limits.text_bytes}")
    chunk = _decoded(item.value)
    if not chunk.text.strip():
        raise UndecodableError("empty", "the text has no characters but white space")
    return chunk


def _decoded(value: bytes) -> Chunk:
    mark, encoding, reasons = next(known for known in _MARKS if value.startswith(known[0]))
    text = value[len(mark) :].decode(encoding, errors="replace")
    replaced = text.count(_REPLACEMENT) and text.count(_REPLACEMENT) - _honest(value[len(mark) :], encoding)
    if replaced:
        reasons = (*reasons, "invalid_" + "".join(encoding.split("-")[:2]))
    if "\0" in text:
        text, reasons = text.replace("\0", ""), (*reasons, "nul_dropped")
    return Chunk(text, reasons, replaced)


def _honest(value: bytes, encoding: str) -> int:
    """Return how many replacement characters were in the text before it was read."""
    return value.decode(encoding, errors="ignore").count(_REPLACEMENT)
