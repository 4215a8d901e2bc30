"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.errors import SluiceError


@contextmanager
def whole_file(path: Path, refused: type[SluiceError], check: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Give the name of a file beside the wanted one, which takes its place at the end if nothing was raised.

    Args:
        path: of the wanted file; its folder is made.
        refused: what is raised where the disk or the system refuses.
        check: is called right before the file takes its place, and may raise.

    Raises:
        SluiceError: `refused`, or what `check` raises.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        check()
        part.replace(path)
    except OSError as error:
        raise refused(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink()
