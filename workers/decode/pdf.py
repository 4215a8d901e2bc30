from __future__ import annotations

from schemas.items import RawItem
from workers.decode.limits import UNDECLARED, Limits, media_type
from workers.isolation.documents import PdfPages
from workers.media import Chunk, UndecodableError
from workers.pdftext import PDF, PdfError


def is_pdf(item: RawItem) -> bool:
    """Return whether an item is declared a PDF, or begins like one and is declared nothing."""
    declared = media_type(item)
    return declared == PDF or (declared == UNDECLARED and item.value.startswith(b"%PDF-"))


def read_pdf(item: RawItem, limits: Limits) -> Chunk:
    """Return the text of a PDF's pages, with the reason "read_from_pdf", and "needs_ocr" where pages have no text.

    Raises:
        UndecodableError: "encrypted_pdf", "bad_pdf", "too_large", "needs_ocr" where no page has a text layer, or
            "empty" where all are blank.
    """
    try:
        with PdfPages(item.value, limits.bounds) as pages:
            texts, scans = _texts(pages, limits)
            total = len(pages)
    except PdfError as error:
        raise UndecodableError(error.cause, error.detail) from error
    if texts:
        return Chunk("\n\n".join(texts), ("read_from_pdf", "needs_ocr") if scans else ("read_from_pdf",))
    if scans:
        raise UndecodableError("needs_ocr", f"no page of {total} has a text layer")
    raise UndecodableError("empty", f"all pages are blank ({total})")


def _texts(pages: PdfPages, limits: Limits) -> tuple[list[str], int]:
    """Return the pages' texts, and how many pages show something but have none."""
    texts: list[str] = []
    size = scans = 0
    for number in range(len(pages)):
        if text := pages.text(number):
            texts.append(text)
            size += len(text.encode(errors="replace"))
            if size > limits.text_bytes:
                raise UndecodableError("too_large", f"more than {limits.text_bytes} bytes of text")
        else:
            scans += not pages.is_blank(number)
    return texts, scans
