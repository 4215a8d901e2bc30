"""One data folder, one broker: a lock that the operating system takes back when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.brokers.waiting import wait_until
from deploy.errors import FolderInUseError

LOCK_NAME: Final = "in-use.lock"
_HANDOVER_S: Final = 20.0  # a broker whose starter was killed needs up to its grace (10 s) to end


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[int]:
    """Make the folder where it is missing, and hold it against other processes while the context lasts.

    Where the process that had it is dead, its broker is still ending: that is waited for.

    Yields:
        The descriptor of the lock. The folder stays held as long as any process keeps a copy of it open.

    Raises:
        FolderInUseError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _try_lock(lock):
            _wait_for_handover(lock, folder)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
    finally:
        os.close(lock)


def _wait_for_handover(lock: int, folder: Path) -> None:
    holder = os.pread(lock, 32, 0).decode()
    ending = holder.isdigit() and not _is_alive(int(holder))
    if not ending or not wait_until(lambda: _try_lock(lock), timeout_s=_HANDOVER_S):
        raise FolderInUseError(
            f"The data folder {folder} is in use by process {holder or 'unknown'}. "
            "Stop that process, or name another folder (SLUICE_DATA_DIR)."
        )


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
