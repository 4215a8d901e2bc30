"""Where items wait, in the order in which they were submitted, until work on them begins."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue from which what nobody has taken can be withdrawn. Any thread may use it."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, one: T) -> None:
        """Add an item at the end."""
        with self._changed:
            self._waiting.append(one)
            self._changed.notify()

    def take(self, most: int) -> list[T]:
        """Return what was put first, so many items at most, and wait for the first of them; none means the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def withdraw(self, wanted: Callable[[T], bool]) -> list[T]:
        """Return what waits and is wanted; the rest stays as it is."""
        with self._changed:
            withdrawn: list[T] = []
            kept: deque[T] = deque()
            for one in self._waiting:
                (withdrawn if wanted(one) else kept).append(one)
            self._waiting = kept
            return withdrawn

    def close(self) -> None:
        """Let it end once it is empty. May be repeated."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
