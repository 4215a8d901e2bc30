"""PDFs: the text of their pages in chunks; a page without a text layer as an item of its own, which tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from schemas.items import RawItem
from workers.isolation.documents import PdfPages
from workers.pdftext import PDF, PdfError, paragraphs
from workers.sources.chunks import chunks
from workers.sources.parent import DOCUMENT_BOUNDS, ItemMaker, Parent, SourceError, SourceOptions, parent_id_of
from workers.sources.text import KIND

_LISTED = 10  # numbers of pages in a note


class _Page(NamedTuple):
    number: int  # from 0
    text: str


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a document consists of."""

    chunks: int
    scans: tuple[int, ...]  # pages that show something, but have no text layer
    blank: tuple[int, ...]

    @property
    def count(self) -> int:
        return self.chunks + len(self.scans) if self.chunks else 1

    def notes(self) -> Iterator[str]:
        if self.scans and not self.chunks:
            yield f"no page of {len(self.scans)} has a text layer: it needs OCR"
        elif self.scans:
            yield f"no text layer, so OCR is needed, on {_named(self.scans)}"
        if self.blank:
            yield f"blank, and left out: {_named(self.blank)}"


def read(path: Path, *, source: str, options: SourceOptions) -> Parent:
    """Return a PDF's chunks as a parent, in the order of its pages. The same file and size give the same items.

    A page that shows something without a text layer, such as a scan, is an item of type application/pdf with that page
    alone: it fails with the cause "needs_ocr", so that its parent's decision knows of it. A document without any text
    is one such item, of its first page. Blank pages are left out. The file is read twice, once to count.

    Raises:
        SourceError: The file is encrypted, truncated or broken, too large, takes too long, or all its pages are blank.
    """
    try:
        with PdfPages(path, DOCUMENT_BOUNDS) as pages:
            survey = _survey(pages, options.words_per_chunk)
            total = len(pages)
    except (PdfError, OSError) as error:
        raise _source_error(path, error) from error
    if not survey.chunks and not survey.scans:
        raise SourceError(path, f"holds nothing: its pages are blank ({total})")
    make = ItemMaker(parent_id_of(path, options), KIND, source, survey.count, "text/plain")
    items = _items(path, make, options.words_per_chunk, survey)
    return Parent(make.parent_id, KIND, source, survey.count, items, tuple(survey.notes()))


def _survey(pages: PdfPages, size: int) -> _Survey:
    texts, scans, blank = 0, [], list[int]()
    for unit in _units(pages, size, blank):
        if isinstance(unit, int):
            scans.append(unit)
        else:
            texts += 1
    return _Survey(texts, tuple(scans), tuple(blank))


def _items(path: Path, make: ItemMaker, size: int, survey: _Survey) -> Iterator[RawItem]:
    make_scan = replace(make, content_type=PDF)
    try:
        with PdfPages(path, DOCUMENT_BOUNDS) as pages:
            if not survey.chunks:
                yield make_scan.item(0, pages.extract(survey.scans[0]))
                return
            for index, unit in enumerate(_units(pages, size, [])):
                if isinstance(unit, str):
                    yield make.item(index, unit.encode("utf-8", errors="replace"))
                else:
                    yield make_scan.item(index, pages.extract(unit))
    except (PdfError, OSError) as error:
        raise _source_error(path, error) from error


def _units(pages: PdfPages, size: int, blank: list[int]) -> Iterator[str | int]:
    """Yield chunks, and the numbers of pages without a text layer, in the order of the pages; gather the blank ones."""
    for has_text, run in groupby(_shown(pages, blank), key=lambda page: bool(page.text)):
        if has_text:
            yield from chunks((paragraph for page in run for paragraph in paragraphs(page.text)), size)
        else:
            yield from (page.number for page in run)


def _shown(pages: PdfPages, blank: list[int]) -> Iterator[_Page]:
    for number in range(len(pages)):
        text = pages.text(number)
        if text or not pages.is_blank(number):
            yield _Page(number, text)
        else:
            blank.append(number)


def _named(numbers: Sequence[int]) -> str:
    listed = ", ".join(str(number + 1) for number in numbers[:_LISTED])
    more = f" and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else ""
    return f"page{'s' if len(numbers) > 1 else ''} {listed}{more}"


def _source_error(path: Path, error: PdfError | OSError) -> SourceError:
    if isinstance(error, OSError):
        return SourceError(path, error.strerror or str(error))
    advice = "; publish a copy without a password" if error.cause == "encrypted_pdf" else ""
    return SourceError(path, error.detail + advice)
