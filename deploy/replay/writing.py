"""Files that are there whole or not at all, the same bytes for the same content; locks that die with their holders."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from deploy.replay.errors import ReplayError
from deploy.wholefile import whole_file

_LEVEL: Final = 3  # of zstd, as its default is today


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give the name of a file beside the wanted one, which takes its place at the end if nothing was raised.

    Raises:
        ReplayError: the disk or the system refuses.
    """
    with whole_file(path, ReplayError) as part:
        yield part


def write_text(path: Path, text: str) -> None:
    """Write a small file whole.

    Raises:
        ReplayError: the disk or the system refuses.
    """
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def write_table(path: Path, schema: pa.Schema, batches: Iterable[list[dict[str, Any]]]) -> None:
    """Write rows as Parquet, a row group for each batch. What is in a row beside the schema's columns is left out.

    Raises:
        ReplayError: the disk or the system refuses.
    """
    with whole(path) as part, pq.ParquetWriter(part, schema, compression="zstd", compression_level=_LEVEL) as writer:
        for rows in batches:
            columns = {name: [row[name] for row in rows] for name in schema.names}
            writer.write_table(pa.table(columns, schema=schema))


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Take a lock, and say whether it was free. It goes with the process that holds it, however that ends.

    Raises:
        ReplayError: the file system has no locks, or refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("ab")
    except OSError as error:
        raise ReplayError(f"{path} cannot be written: {error.strerror or error}") from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            raise ReplayError(f"{path.parent} is on a file system without locks: {error.strerror or error}") from error
        yield True


def clear_parts(folder: Path) -> None:
    """Delete what a killed process has left half written in a folder of which the caller holds the lock."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            part.unlink()
