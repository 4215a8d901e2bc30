"""How glibc keeps the memory that an encoder frees.

A network on the CPU takes and frees tens of MiB for every batch. By default glibc gives those back to the system each
time and gets them again page by page: with batches of 8 that was a third of a worker's time.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from typing import Final

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8  # of glibc's malloc.h
_MIB: Final = 1 << 20
_KEPT: Final = 512 * _MIB  # free memory at the end of the heap that is not given back
_LARGEST: Final = 256 * _MIB  # what is larger is mapped by itself, and given back at once
_NAMES: Final = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES")


def keep_freed_memory(
    environment: Mapping[str, str] = os.environ, mallopt: Callable[[int, int], int] | None = None
) -> bool:
    """Let this process keep what it frees, up to 512 MiB, for what it takes next; all threads share one arena.

    Where the environment says how glibc is to do it, or there is no glibc, nothing is changed.

    Args:
        environment: of the process.
        mallopt: sets a parameter of malloc; None: glibc's.

    Returns:
        Whether it was set.
    """
    setter = mallopt or getattr(ctypes.CDLL(None), "mallopt", None)
    if setter is None or any(name in environment for name in _NAMES):
        return False
    # an arena of a thread has blocks of 64 MiB at most, and gives back what is larger
    wanted = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, _KEPT))
    done = [setter(name, value) for name, value in wanted]
    return all(done)
