from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Final, Self

from workers.isolation.bounds import Bounds, KilledError, ReadingError
from workers.isolation.pool import POOL, Pool
from workers.isolation.process import Child

_TRIES: Final = 2


class Session:
    """A document that is being read by a child. For one thread at a time; close it in the end."""

    def __init__(self, bounds: Bounds, *opening: Any, pool: Pool = POOL) -> None:
        """Begin with a request, whose answer is in `answer`; otherwise as `ask`."""
        self._bounds, self._opening, self._pool = bounds, opening, pool
        self._child: Child | None = None
        self._until = 0.0
        try:
            self.answer: Final = self.ask(*opening)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, *request: Any) -> Any:
        """Return the answer to a request. A child that somebody else ended is replaced by another, once.

        Raises:
            ReadingError: The document breaks its bounds, or what reads it.
            PdfError: As pdfium.py has it.
            OSError: The file cannot be read, or no child can be started.
        """
        for _ in range(_TRIES):
            with suppress(KilledError):
                return self._asked(request)
            self.close()
        why = f"what reads it was killed {_TRIES} times, as the system does where memory is short"
        raise ReadingError("too_large", why)

    def close(self) -> None:
        """Close the document, and give its child back."""
        child, self._child = self._child, None
        if child is not None:
            self._pool.give_back(child)

    def _asked(self, request: tuple[Any, ...]) -> Any:
        child = self._child
        if child is None:
            child = self._child = self._pool.take()
            self._until = time.monotonic() + self._bounds.seconds
            answer = self._answer(child, self._opening, first=True)
            if request is self._opening:
                return answer
        return self._answer(child, request)

    def _answer(self, child: Child, request: tuple[Any, ...], *, first: bool = False) -> Any:
        operation, *arguments = request
        until = time.monotonic() + self._bounds.seconds if self._bounds.each_answer else self._until
        return child.ask(operation, tuple(arguments), self._bounds, until, first=first)
