from __future__ import annotations

import re

from schemas.items import RawItem
from workers.decode.limits import Limits, media_type
from workers.media import Chunk, UndecodableError
from workers.nesting import NestingError
from workers.webpage import HTML, decoded, paragraphs

_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


def is_html(item: RawItem) -> bool:
    """Return whether an item is declared a web page."""
    return media_type(item) == HTML


def read_html(item: RawItem, limits: Limits) -> Chunk:
    """Return a page's title and visible text, with the reason "read_from_html", and "invalid_utf8" for replaced bytes.

    Raises:
        UndecodableError: "too_large", also for tags that are nested too deep, or "empty" where no text is shown.
    """
    if len(item.value) > limits.text_bytes:
        raise UndecodableError("too_large", f"{len(item.value)} bytes, more than the limit of {limits.text_bytes}")
    charset = _CHARSET.search(item.envelope.content_type)
    html, replaced = decoded(item.value, charset[1] if charset else "")
    try:
        text = "\n\n".join(paragraphs(html))
    except NestingError as error:
        raise UndecodableError("too_large", str(error)) from error
    if not text:
        raise UndecodableError("empty", "the page shows no text")
    return Chunk(text, ("read_from_html", "invalid_utf8") if replaced else ("read_from_html",), replaced)
