"""Stopping in an orderly way, within a time."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

from deploy.errors import UNFINISHED

_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger("sluice.signals")


def stop_on_signals(grace_seconds: float) -> Callable[[], bool]:
    """Return what tells whether SIGTERM or SIGINT came.

    From then on the process has its grace period: it ends with exit code 13 when that is over, and with 128 and the
    signal's number at a second signal. A thread of its own sees to both, because Python's handlers run on the main
    thread, which may be waiting for a broker in C.

    Args:
        grace_seconds: how long the process may take to leave by itself.
    """
    asked = threading.Event()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in _STOP:
        signal.signal(number, _noted)
    threading.Thread(target=_watch, args=(read, asked, grace_seconds), name="sluice-signals", daemon=True).start()
    return asked.is_set


def _noted(number: int, frame: FrameType | None) -> None:
    """Do nothing: that there is a handler makes Python write the number to the pipe."""
    del number, frame


def _watch(read: int, asked: threading.Event, grace_seconds: float) -> None:
    _next_stop(read, None)
    asked.set()
    again = _next_stop(read, grace_seconds)
    if again is None:
        _log.error(
            "the grace period of %.1f s is over; what is not finished is done by the next replica", grace_seconds
        )
    os._exit(UNFINISHED if again is None else 128 + again)


def _next_stop(read: int, seconds: float | None) -> int | None:
    """Wait for one of the signals that ask for an end; None when the time is over."""
    while select.select([read], [], [], seconds)[0]:
        number = os.read(read, 1)[0]
        if number in _STOP:
            return number
    return None
