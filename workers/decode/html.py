from __future__ import annotations

import re
from typing import Final

from schemas.items import RawItem
from workers.decode.limits import Limits, media_type
from workers.isolation.bounds import ReadingError
from workers.isolation.documents import read_page
from workers.media import Chunk, UndecodableError

HTML: Final = "text/html"

_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


def is_html(item: RawItem) -> bool:
    """Return whether an item is declared a web page."""
    return media_type(item) == HTML


def read_html(item: RawItem, limits: Limits) -> Chunk:
    """Return a page's title and visible text, with the reason "read_from_html", and "invalid_utf8" for replaced bytes.

    Raises:
        UndecodableError: "too_large", also where reading it takes too long or too much memory, "empty" where no text is
            shown, or "corrupt" where it crashes what reads it.
    """
    if len(item.value) > limits.text_bytes:
        raise UndecodableError("too_large", f"{len(item.value)} bytes, more than the limit of {limits.text_bytes}")
    charset = _CHARSET.search(item.envelope.content_type)
    try:
        paragraphs, replaced = read_page(item.value, limits.bounds, charset[1] if charset else "")
    except ReadingError as error:
        raise UndecodableError(error.cause, error.detail) from error
    text = "\n\n".join(paragraphs)
    if not text:
        raise UndecodableError("empty", "the page shows no text")
    return Chunk(text, ("read_from_html", "invalid_utf8") if replaced else ("read_from_html",), replaced)
