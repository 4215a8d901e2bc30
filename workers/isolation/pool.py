"""Children that wait for documents."""

from __future__ import annotations

import atexit
import os
from collections import deque
from typing import Final

from workers.isolation.process import Child

_IDLE: Final = 2  # a worker decodes on one thread, a publisher reads one file at a time


class Pool:
    """Lends each document a child of its own, so there are as many as are read at once. Any thread may ask.

    It takes no lock: a document that was left open may be closed by the garbage collector, in the middle of a call.
    """

    def __init__(self) -> None:
        self._idle: Final[deque[Child]] = deque()

    def take(self) -> Child:
        """Return a child that waits, or a new one.

        Raises:
            OSError: It cannot be started.
        """
        while self._idle:
            try:
                child = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if child.alive:
                return child
            child.end()
        return Child()

    def give_back(self, child: Child) -> None:
        """Take back a child, whose document is then closed."""
        if child.finish() and len(self._idle) < _IDLE:
            self._idle.append(child)
        else:
            child.end()

    def close(self) -> None:
        """End the children that wait."""
        while self._idle:
            self._idle.pop().end()

    def forget(self) -> None:
        """Leave the children to the process that this one was forked from."""
        while self._idle:
            self._idle.pop().abandon()


POOL: Final = Pool()
"""That of this process. Its children end with it, also where nobody closes it."""

atexit.register(POOL.close)
os.register_at_fork(after_in_child=POOL.forget)
