"""PDFs and web pages, read by a child process within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from workers.isolation.bounds import Bounds, ReadingError
from workers.isolation.session import Session
from workers.pdftext import PdfError


class PdfPages:
    """The pages of an open PDF, numbered from 0. For one thread at a time; close it in the end.

    All methods raise PdfError also where the document takes too long or too much memory ("too_large"), or crashes what
    reads it ("bad_pdf").
    """

    def __init__(self, source: Path | bytes, bounds: Bounds) -> None:
        """Open a file or its bytes.

        Raises:
            PdfError: It needs a password, is broken or cut off, or has too many pages.
            OSError: The file cannot be read, or no child process be started.
        """
        opening = ("pdf", source) if isinstance(source, bytes) else ("pdf_file", os.fsencode(source.absolute()))
        with _as_pdf_errors():
            self._session = Session(bounds, *opening)
        self._count = int(self._session.answer)

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the document."""
        self._session.close()

    def text(self, number: int) -> str:
        """Return a page's text, lines as they are set, words that a line's end divides in one; "" without any.

        Raises:
            PdfError: The page cannot be read, or has too many characters.
        """
        return _text(self._ask("text", number))

    def is_blank(self, number: int) -> bool:
        """Return whether nothing at all is drawn on a page.

        Raises:
            PdfError: The page cannot be read.
        """
        return bool(self._ask("is_blank", number))

    def extract(self, number: int) -> bytes:
        """Return a page as a PDF of its own: the same bytes for the same page, whenever it is asked for.

        Raises:
            PdfError: The page cannot be read.
        """
        return bytes(self._ask("extract", number))

    def _ask(self, *request: Any) -> Any:
        with _as_pdf_errors():
            return self._session.ask(*request)


def read_page(value: bytes, bounds: Bounds, charset: str = "") -> tuple[list[str], int]:
    """Return a web page's title and visible text, in paragraphs, and how many bytes were replaced by U+FFFD.

    Args:
        value: The page.
        bounds: What reading it may take.
        charset: The one that its sender declares; see webpage.py.

    Raises:
        ReadingError: It takes too long or too much memory, or crashes what reads it.
        OSError: No child process can be started.
    """
    with Session(bounds, "page", value, charset) as session:
        paragraphs, replaced = session.answer
    return [_text(paragraph) for paragraph in paragraphs], replaced


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogatepass")


@contextmanager
def _as_pdf_errors() -> Iterator[None]:
    try:
        yield
    except ReadingError as error:
        raise PdfError("too_large" if error.cause == "too_large" else "bad_pdf", error.detail) from error
