"""Where a producer of ours puts what no message can hold, for the workers to fetch: see workers/claims.py."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from schemas.items import RawItem, content_hash


class ClaimFolder:
    """A folder of files that are named by their SHA-256, so that what is written twice is there once."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when it is needed. Workers must have it among their SLUICE_CLAIM_ROOTS."""
        self._folder = folder.resolve()

    def checked_in(self, item: RawItem) -> RawItem:
        """Write the item's bytes, and return the item with a reference to them in their place.

        The file appears whole or not at all, and it is on the disk before this returns: the message that names it must
        not be there before it.

        Raises:
            OSError: the file cannot be written.
        """
        digest = content_hash(item.value)
        path = self._folder / digest[:2] / digest
        if not _is_there(path, item.value):
            _write(path, item.value)
        reference = {"data_ref": path.as_uri(), "content_hash": digest}
        return RawItem(item.envelope.model_copy(update=reference), b"")


def _is_there(path: Path, value: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(value) and path.read_bytes() == value


def _write(path: Path, value: bytes) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)  # it may be a patient's
        with os.fdopen(descriptor, "wb") as file:
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
