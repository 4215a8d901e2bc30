"""One command at a time for a file that is being fetched."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from deploy.encoders.errors import FetchError


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file while the context lasts; a process that dies lets go of it.

    Raises:
        FetchError: another command holds it, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(path)
    except BlockingIOError as error:
        raise FetchError("another command fetches this very file now: try again when it has ended") from error
    except OSError as error:
        raise FetchError(f"{path.parent} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before it is let go of
        handle.close()


def _locked(path: Path) -> TextIO:
    while True:
        handle = path.open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                return handle
        except BaseException:
            handle.close()
            raise
        handle.close()  # it was removed between the two: what is locked is no longer what others find
