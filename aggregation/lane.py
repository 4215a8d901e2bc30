"""The windows of one rule of one policy version, by the offset at which they were opened and by when they are due."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from typing import NamedTuple

from aggregation.terms import Terms
from aggregation.window import Window
from schemas.decisions import Cause

_MOST_SHARED = 1_000  # combinations of reasons
_TIDY = 1_000  # windows that are gone, before the list of them is looked through
_TIDY_SHARE = 4  # and then one in so many is gone


class Due(NamedTuple):
    """A window whose time is over. In this order they are closed, whatever lanes they are in."""

    deadline: int  # stream time, ms
    first_offset: int
    window: Window
    cause: Cause


class Lane:
    """Windows that share their terms.

    Stream time never goes back, so that a window's deadline only ever moves away: each stands once in a heap, under a
    deadline that may have passed without it being due, and is then put back. Its items cost nothing there.
    """

    def __init__(self, edition: str, terms: Terms) -> None:
        """Make a lane without windows. `edition` names the policy version: see `Edition`."""
        self.edition = edition
        self.terms = terms
        self.cells = 0  # of all its windows: see `Window.cells`
        self._opened: deque[Window] = deque()  # by first offset, with some that are gone
        self._gone = 0
        self._due: list[tuple[int, int, Window]] = []  # not later than it is due; a number, so that no two are alike
        self._over = 0  # entries of it that nothing waits for any more
        self._number = count()
        self._shared: dict[str, str] = {}
        self._text = ""
        self._reasons: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._scope = ("", "")
        self._scopes: dict[tuple[str, str], tuple[str, str]] = {}

    def scope(self, kind: str, source: str) -> tuple[str, str]:
        """Return kind and source as all windows of the lane share them."""
        if self._scope != (kind, source):
            self._scope = self._scopes.setdefault((kind, source), (kind, source))
        return self._scope

    def shared(self, text: str) -> str:
        """Return a text that many windows hold, as one object."""
        if self._text != text:  # nearly always the same as last time, which is seen sooner than found
            self._text = self._shared.setdefault(text, text)
        return self._text

    def shared_reasons(self, reasons: tuple[str, ...]) -> tuple[str, ...]:
        """Return the reasons of an item as one object for all that have the same; they are a few codes."""
        if len(self._reasons) < _MOST_SHARED:
            return self._reasons.setdefault(reasons, reasons)
        return self._reasons.get(reasons, reasons)

    def open(self, window: Window) -> int:
        """Add a window that has just been opened.

        Returns:
            The stream time (ms) at which it is due if nothing comes.
        """
        self._opened.append(window)
        self.cells += window.answers.cells
        return self.await_items(window)

    def await_items(self, window: Window) -> int:
        """Note that a window waits for items, from now on; return as `open` does."""
        due = self._due_at(window)
        if window.queued:  # since it was decided, under a deadline that has been put off
            self._over -= 1
        else:
            window.queued = True
            heappush(self._due, (due, next(self._number), window))
        return due

    def close(self, window: Window) -> None:
        """Note that a window has been decided and waits for nothing, though a late item may open it again."""
        window.waits = False
        self._over += 1
        if self._over > _TIDY and self._over * _TIDY_SHARE > len(self._due):
            self._tidy()

    def leave(self, window: Window) -> None:
        """Let go of a window that is closed: no late item can open it again."""
        self.cells -= window.cells
        window.vanish()
        self._gone += 1
        if self._gone > _TIDY and self._gone * _TIDY_SHARE > len(self._opened):
            self._opened = deque(one for one in self._opened if not one.gone)
            self._gone = 0

    def clear(self) -> None:
        """Let go of all windows."""
        self._opened.clear()
        self._due.clear()

    def oldest(self) -> Window | None:
        """Return the window with the first offset."""
        opened = self._opened
        while opened:
            if not opened[0].gone:
                return opened[0]
            opened.popleft()
            self._gone -= 1
        return None

    def next_deadline(self) -> int | None:
        """Return the stream time (ms) at which the first window is due, if none has an item before."""
        self._settle()
        return self._due[0][0] if self._due else None

    def take_due(self, stream_time: int) -> list[Due]:
        """Return the windows that are due at a stream time (ms). The caller closes them all."""
        found = []
        while (deadline := self.next_deadline()) is not None and deadline <= stream_time:
            window = self._pop()
            self._over -= 1  # closing it will count an entry that is gone by then
            cause: Cause = "idle" if window.active_at + self.terms.idle_ms <= stream_time else "max_age"
            found.append(Due(deadline, window.first_offset, window, cause))
        return found

    def _settle(self) -> None:
        """Bring the front of the heap up to date."""
        heap = self._due
        while heap:
            noted, number, window = heap[0]
            due = self._due_at(window)
            if not window.waits:
                self._pop()
                self._over -= 1
            elif due > noted:
                heapreplace(heap, (due, number, window))
            else:
                return

    def _pop(self) -> Window:
        window = heappop(self._due)[2]
        window.queued = False
        return window

    def _tidy(self) -> None:
        """Drop the entries that nothing waits for."""
        for _, _, window in self._due:
            window.queued = window.waits
        self._due = [entry for entry in self._due if entry[2].waits]
        heapify(self._due)
        self._over = 0

    def _due_at(self, window: Window) -> int:
        return min(window.active_at + self.terms.idle_ms, window.opened_at + self.terms.max_age_ms)
