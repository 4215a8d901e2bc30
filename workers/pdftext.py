"""What is said of PDFs without the library that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

PDF: Final = "application/pdf"

_SHORT_LINE = 0.8  # of the page's longest line: a sentence that ends before it ends a paragraph
_SENTENCE_ENDS = (".", "!", "?", ":", '."', ".\u201d", "\u3002")


class PdfError(Exception):
    """A PDF that cannot be read. `cause` is a code that programs can use."""

    def __init__(self, cause: Literal["bad_pdf", "encrypted_pdf", "too_large"], detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


def paragraphs(text: str) -> Iterator[str]:
    """Yield a page's paragraphs, lines kept. PDF knows none: a short line that ends a sentence is taken for an end."""
    lines = text.split("\n")
    full = _SHORT_LINE * max(map(len, lines))
    gathered: list[str] = []
    for line in lines:
        gathered.append(line)
        if not line.strip() or (len(line) < full and line.rstrip().endswith(_SENTENCE_ENDS)):
            yield "\n".join(gathered).strip()
            gathered = []
    yield "\n".join(gathered).strip()
