"""Reading PDFs with PDFium: the text of a page, whether there is anything on it, and a page as a PDF of its own.

PDFium may be used by one thread at a time, in the whole process. So every call is made under one lock, and what was
opened is closed by hand, never by the garbage collector of whichever thread it runs in.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Literal, Self

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

PDF: Final = "application/pdf"
MAX_PAGES: Final = 20_000
MAX_PAGE_CHARACTERS: Final = 1_000_000  # a full page of a newspaper has about 30,000

_LOCK = threading.RLock()  # reentrant: what is left open may be closed by the collector within a call
_END_BYTES = 4096  # the end mark is within the last 1024 bytes (ISO 32000-1, annex H.3), but for what mailers append
_LOCKED = (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY)
_LINE_HYPHEN = re.compile("[\x02\ufffe](?:\r?\n)?")  # what PDFium makes of a hyphen at the end of a line
_SHORT_LINE = 0.8  # of the page's longest line: a sentence that ends before it ends a paragraph
_SENTENCE_ENDS = (".", "!", "?", ":", '."', ".\u201d", "\u3002")
_VOLATILE = re.compile(rb"(/CreationDate\(D:)(\d+)|(/ID\[<)([0-9A-F]{32}><[0-9A-F]{32})(?=>\])")


class PdfError(Exception):
    """A PDF that cannot be read. `cause` is a code that programs can use."""

    def __init__(self, cause: Literal["bad_pdf", "encrypted_pdf", "too_large"], detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


class Pages:
    """The pages of an open PDF, numbered from 0. Any thread may ask; close it in the end."""

    def __init__(self, source: Path | bytes) -> None:
        """Open a file or its bytes.

        Raises:
            PdfError: It needs a password, is broken or cut off, or has too many pages.
            OSError: The file cannot be read.
        """
        _check_end(source)
        with _LOCK, _named_errors():
            self._document = pdfium.PdfDocument(source)
            self._count = len(self._document)
        if self._count > MAX_PAGES:
            self.close()
            raise PdfError("too_large", f"has {self._count} pages, more than the limit of {MAX_PAGES}")

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the document."""
        with _LOCK:
            self._document.close()

    def text(self, number: int) -> str:
        """Return a page's text, lines as they are set, words that a line's end divides in one; "" without any.

        Raises:
            PdfError: The page cannot be read, or has too many characters.
        """
        with self._page(number) as page:
            text_page = page.get_textpage()
            try:
                characters = text_page.count_chars()
                if characters > MAX_PAGE_CHARACTERS:
                    limit = f"more than the limit of {MAX_PAGE_CHARACTERS}"
                    raise PdfError("too_large", f"page {number + 1} has {characters} characters, {limit}")
                text = text_page.get_text_bounded()
            finally:
                text_page.close()
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
        with _LOCK, _named_errors():
            single = pdfium.PdfDocument.new()
            try:
                single.import_pages(self._document, [number])
                single.save(buffer)
            finally:
                single.close()
        return _VOLATILE.sub(_zeros, buffer.getvalue())

    @contextmanager
    def _page(self, number: int) -> Iterator[pdfium.PdfPage]:
        with ExitStack() as stack:
            stack.enter_context(_LOCK)
            stack.enter_context(_named_errors())
            page = self._document[number]
            stack.callback(page.close)
            yield page


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
