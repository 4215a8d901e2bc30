from __future__ import annotations

from schemas.items import RawItem
from workers.decode.limits import Limits, check_content_type
from workers.media import Chunk, UndecodableError


def read_chunk(item: RawItem, limits: Limits) -> Chunk:
    """Return the item's text, read as UTF-8 (a byte order mark is dropped).

    Bytes that are not UTF-8 become U+FFFD and the reason "invalid_utf8": broken text is low quality, not no text.

    Raises:
        UndecodableError: "content_type", "too_large", or "empty" where there is nothing but white space.
    """
    check_content_type(item, "text/")
    if len(item.value) > limits.text_bytes:
        raise UndecodableError("too_large", f"{len(item.value)} bytes, more than the limit of {limits.text_bytes}")
    try:
        text, reasons = item.value.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return Chunk(item.value.decode("utf-8-sig", errors="replace"), ("invalid_utf8",))
    if not text.strip():
        raise UndecodableError("empty", "the text has no characters but white space")
    return Chunk(text, reasons)
