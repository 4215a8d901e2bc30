"""Stopping in an orderly way."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType


def stop_on_signals() -> Callable[[], bool]:
    """Return what tells whether SIGTERM or SIGINT came; a second one ends the process at once."""
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        nonlocal stopped
        stopped = True
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return lambda: stopped
