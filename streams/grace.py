"""How long a loop may go on once it was told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable


class Grace:
    """A period that begins when the process is first seen to be told to stop."""

    def __init__(self, seconds: float) -> None:
        """Name its length; it has not begun."""
        self._seconds = seconds
        self._until: float | None = None  # monotonic s

    @property
    def begun(self) -> bool:
        """Whether the process was told to stop."""
        return self._until is not None

    @property
    def over(self) -> bool:
        """Whether the period has passed."""
        return self._until is not None and time.monotonic() >= self._until

    def begins(self, stopped: Callable[[], bool]) -> bool:
        """Ask whether to stop, until the answer was yes; return whether it was yes for the first time."""
        if self._until is not None or not stopped():
            return False
        self._until = time.monotonic() + self._seconds
        return True
