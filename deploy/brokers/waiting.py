from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_TICK_S: Final = 0.02


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Wait until the condition holds, for conditions that nothing announces.

    Args:
        condition: is asked every 20 ms.
        timeout_s: how long to wait at most, in seconds.

    Returns:
        Whether it came to hold in time.
    """
    deadline = time.monotonic() + timeout_s
    idle = threading.Event()
    while not condition():
        if time.monotonic() >= deadline:
            return False
        idle.wait(_TICK_S)
    return True
