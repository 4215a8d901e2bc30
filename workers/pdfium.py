"""Reading PDFs with PDFium: the text of a page, whether there is anything on it, and a page as a PDF of its own.

PDFium may be used by one thread at a time, in the whole process, and a document can make it take minutes and gigabytes.
So a child process with one thread imports this (isolation/), and what is open is closed by hand.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from workers.pdftext import PdfError

MAX_PAGES: Final = 20_000
MAX_PAGE_CHARACTERS: Final = 1_000_000  # a full page of a newspaper has about 30,000

_END_BYTES = 4096  # the end mark is within the last 1024 bytes (ISO 32000-1, annex H.3), but for what mailers append
_LOCKED = (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY)
_LINE_HYPHEN = re.compile("[\x02\ufffe](?:\r?\n)?")  # what PDFium makes of a hyphen at the end of a line
_VOLATILE = re.compile(rb"(/CreationDate\(D:)(\d+)|(/ID\[<)([0-9A-F]{32}><[0-9A-F]{32})(?=>\])")


class Pages:
    """The pages of an open PDF, numbered from 0. Close it in the end."""

    def __init__(self, source: Path | bytes) -> None:
        """Open a file or its bytes.

        Raises:
            PdfError: It needs a password, is broken or cut off, or has too many pages.
            OSError: The file cannot be read.
        """
        _check_end(source)
        with _named_errors():
            self._document = pdfium.PdfDocument(source)
            self._count = len(self._document)
        if self._count > MAX_PAGES:
            self.close()
            raise PdfError("too_large", f"has {self._count} pages, more than the limit of {MAX_PAGES}")

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        """Close the document."""
        self._document.close()

    def text(self, number: int) -> str:
        """Return a page's text, lines as they are set, words that a line's end divides in one; "" without any.

        Raises:
            PdfError: The page cannot be read, or has too many characters.
        """
        with self._page(number) as page, closing(page.get_textpage()) as text_page:
            characters = text_page.count_chars()
            if characters > MAX_PAGE_CHARACTERS:
                limit = f"more than the limit of {MAX_PAGE_CHARACTERS}"
                raise PdfError("too_large", f"page {number + 1} has {characters} characters, {limit}")
            text = text_page.get_text_bounded()
        return _LINE_HYPHEN.sub("", text).replace("\r\n", "\n").strip()

    def is_blank(self, number: int) -> bool:
        """Return whether nothing at all is drawn on a page.

        Raises:
            PdfError: The page cannot be read.
        """
        with self._page(number) as page:
            return bool(pdfium_c.FPDFPage_CountObjects(page) == 0)

    def extract(self, number: int) -> bytes:
        """Return a page as a PDF of its own: the same bytes for the same page, whenever it is asked for.

        Raises:
            PdfError: The page cannot be read.
        """
        buffer = io.BytesIO()
        with _named_errors(), closing(pdfium.PdfDocument.new()) as single:
            single.import_pages(self._document, [number])
            single.save(buffer)
        return _VOLATILE.sub(_zeros, buffer.getvalue())

    @contextmanager
    def _page(self, number: int) -> Iterator[pdfium.PdfPage]:
        with _named_errors(), closing(self._document[number]) as page:
            yield page


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except pdfium.PdfiumError as error:
        if error.err_code in _LOCKED:
            raise PdfError("encrypted_pdf", "is encrypted and needs a password") from error
        raise PdfError("bad_pdf", f"cannot be read as a PDF: {error}") from error


def _check_end(source: Path | bytes) -> None:
    """Raise where the end mark is missing: PDFium would make up a document of whatever pages are there."""
    if isinstance(source, bytes):
        end = source[-_END_BYTES:]
    else:
        with source.open("rb") as file:
            file.seek(0, io.SEEK_END)
            file.seek(max(0, file.tell() - _END_BYTES))
            end = file.read()
    if b"%%EOF" not in end:
        raise PdfError("bad_pdf", "is no PDF, or is truncated: it has no end mark")


def _zeros(found: re.Match[bytes]) -> bytes:
    """Return PDFium's time stamp or random id as zeros, in as many bytes: the table of places stays right."""
    start, value = (found[1], found[2]) if found[1] else (found[3], found[4])
    return start + re.sub(rb"[0-9A-F]", b"0", value)
