"""Loads encoders and heads again, on a thread of its own, until that helps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from workers.watch.store import CanarySet

FIRST_PAUSE: Final = 1.0  # s; doubles with every attempt that did not help


class Tell(Protocol):
    """Told of what happens, for logs and metrics."""

    def __call__(self, event: str, **fields: object) -> None:
        """Take one event with its fields."""


class Mender:
    """Tries a repair, waits longer after each that did not help, and tries again."""

    def __init__(self, repair: Callable[[], Mapping[str, CanarySet]], tell: Tell, longest: float) -> None:
        """Name the repair, who is told where it fails, and the longest pause between two attempts (s)."""
        self._repair, self._tell = repair, tell
        self._longest = max(FIRST_PAUSE, longest)
        self._thread: threading.Thread | None = None
        self._loaded: Mapping[str, CanarySet] | None = None
        self._pause = FIRST_PAUSE
        self._next = 0.0

    def step(self, now: float) -> Mapping[str, CanarySet] | None:
        """Begin an attempt when it is time; return what one has loaded, once."""
        if self._thread is None:
            if now >= self._next:
                self._thread = threading.Thread(target=self._attempt, name="sluice-repair", daemon=True)
                self._thread.start()
            return None
        if self._thread.is_alive():
            return None
        self._thread = None
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            self.failed(now)
        return loaded

    def failed(self, now: float) -> None:
        """Note that an attempt did not help: the next one waits."""
        self._next = now + self._pause
        self._pause = min(self._pause * 2, self._longest)

    def helped(self) -> None:
        """Note that the canaries passed: the next fault is attended to at once."""
        self._pause, self._next = FIRST_PAUSE, 0.0

    def _attempt(self) -> None:
        try:
            self._loaded = self._repair()
        except Exception as error:  # noqa: BLE001 (whatever it is, it is tried again)
            self._tell("repair_failed", error=f"{type(error).__name__}: {error}")
