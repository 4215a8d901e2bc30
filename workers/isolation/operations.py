"""What a child can be asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workers.isolation.wire import Reply
from workers.pdfium import Pages
from workers.pdftext import PdfError
from workers.webpage import decoded, paragraphs


class Operations:
    """Answers requests, and holds the PDF that is open."""

    def __init__(self) -> None:
        self._open: Pages | None = None
        self._known: Mapping[str, Callable[..., Any]] = {
            "page": _page,
            "pdf": self._opened,
            "pdf_file": lambda path: self._opened(Path(os.fsdecode(path))),
            "text": self._text,
            "is_blank": self._is_blank,
            "extract": self._extract,
            "close": self._close,
        }

    def answer(self, operation: str, arguments: tuple[Any, ...]) -> Any:
        """Return what is asked for, as msgpack can hold it.

        Raises:
            Exception: Whatever reading a document raises.
        """
        return self._known[operation](*arguments)

    @property
    def _pages(self) -> Pages:
        if self._open is None:
            raise ValueError("no PDF is open")
        return self._open

    def _opened(self, source: Path | bytes) -> int:
        self._close()
        self._open = Pages(source)
        return len(self._open)

    def _text(self, number: int) -> bytes:
        return _encoded(self._pages.text(number))

    def _is_blank(self, number: int) -> bool:
        return self._pages.is_blank(number)

    def _extract(self, number: int) -> bytes:
        return self._pages.extract(number)

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = None


def _page(value: bytes, charset: str) -> tuple[list[bytes], int]:
    html, replaced = decoded(value, charset)
    return [_encoded(paragraph) for paragraph in paragraphs(html)], replaced


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # msgpack has no half characters, and a document's text may


def failure(error: Exception) -> Reply:
    """Return an error as a reply, from which `process.py` makes the same error again."""
    match error:
        case MemoryError():
            return Reply(error="memory")
        case PdfError():
            return Reply(error="pdf", details=(error.cause, error.detail))
        case OSError():
            return Reply(error="os", details=(error.errno or 0, error.strerror or str(error)))
        case _:
            return Reply(error="fault", details=(f"{type(error).__name__}: {error}",))
