"""Where items wait until work on them begins: in the order in which they were submitted, or their parents in turns."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

T = TypeVar("T")

REACH: Final = 128  # what waits first, and is taken from where parents take turns: so much may be begun out of order


@dataclass(frozen=True, slots=True, eq=False)
class _Entry(Generic[T]):
    number: int  # in the order of submission
    parent: Hashable
    one: T


class Inbox(Generic[T]):
    """A queue from which what nobody has taken can be withdrawn. Any thread may use it."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self._waiting: deque[_Entry[T]] = deque()
        self._ahead: deque[T] = deque()  # of those that are taken before all others, and never withdrawn
        self._changed = threading.Condition()
        self._closed = False
        self._put = 0
        self._begun = 0  # the highest number that was taken
        self._turn = 0
        self._turns: dict[Hashable, int] = {}  # the last one of each parent within reach

    def put(self, one: T, parent: Hashable = None) -> None:
        """Add an item at the end."""
        with self._changed:
            self._put += 1
            self._waiting.append(_Entry(self._put, parent, one))
            self._changed.notify()

    def put_ahead(self, one: T) -> None:
        """Add an item that is taken before all that wait, and cannot be withdrawn."""
        with self._changed:
            self._ahead.append(one)
            self._changed.notify()

    def take(self, most: int, *, in_turns: bool = False) -> list[T]:
        """Return items that wait, and wait for the first of them; none means the end.

        Args:
            most: so many at most.
            in_turns: let the parents of the first `REACH` items take turns, with one item each; otherwise, and within
                a parent, what was put first is taken first.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ahead or self._waiting or self._closed)
            ahead = [self._ahead.popleft() for _ in range(min(most, len(self._ahead)))]
            most -= len(ahead)
            taken = self._in_turns(most) if in_turns else self._first(most)
            self._begun = max([self._begun, *(entry.number for entry in taken)])
            return [*ahead, *(entry.one for entry in taken)]

    def _first(self, most: int) -> list[_Entry[T]]:
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def _in_turns(self, most: int) -> list[_Entry[T]]:
        queues: dict[Hashable, deque[_Entry[T]]] = {}
        for entry in islice(self._waiting, REACH):
            queues.setdefault(entry.parent, deque()).append(entry)
        self._turns = {parent: self._turns.get(parent, 0) for parent in queues}
        order = deque(sorted(queues, key=self._turns.__getitem__))  # of those that had none, the first comes first
        taken: list[_Entry[T]] = []
        while order and len(taken) < most:
            parent = order.popleft()
            taken.append(queues[parent].popleft())
            self._turn += 1
            self._turns[parent] = self._turn
            if queues[parent]:
                order.append(parent)
        numbers = {entry.number for entry in taken}
        self._waiting = deque(entry for entry in self._waiting if entry.number not in numbers)
        return taken

    def withdraw(self, wanted: Callable[[T], bool]) -> list[T]:
        """Return what waits and is wanted, and was put after everything that was taken; the rest stays as it is."""
        with self._changed:
            withdrawn: list[T] = []
            kept: deque[_Entry[T]] = deque()
            for entry in self._waiting:
                if entry.number > self._begun and wanted(entry.one):
                    withdrawn.append(entry.one)
                else:
                    kept.append(entry)
            self._waiting = kept
            return withdrawn

    def close(self) -> None:
        """Let it end once it is empty. May be repeated."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
