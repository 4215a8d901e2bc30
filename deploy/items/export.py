"""A selection as a Parquet or CSV file, written beside its place and put there whole."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from deploy.errors import ConfigurationError, SluiceError
from deploy.items.columns import TIME, columns, schema
from deploy.items.selection import Selection
from deploy.wholefile import whole_file

ENDINGS: Final = (".parquet", ".csv")
_BATCH: Final = 10_000  # rows of a Parquet row group: what memory holds of them
Advance = Callable[[int], None]


class WriteError(SluiceError):
    """A file cannot be written."""


def check(path: Path, *, force: bool, endings: Sequence[str] = ENDINGS) -> None:
    """Check before any work is done that a file may be written.

    Raises:
        ConfigurationError: its name has another ending, or it is there and may not be replaced.
    """
    if path.suffix.lower() not in endings:
        raise ConfigurationError(f"{path}: the name must end in {' or '.join(endings)}, which says what is written")
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder: name a file in it")
    if path.exists() and not force:
        raise ConfigurationError(f"{path} is there already: choose another name, or pass --force to replace it")


@contextmanager
def whole(path: Path, *, force: bool) -> Iterator[Path]:
    """Give the name of a file beside the wanted one, which takes its place at the end if nothing was raised.

    Raises:
        ConfigurationError: the file has come into being since, and may not be replaced.
        WriteError: the disk or the system refuses.
    """
    with whole_file(path, WriteError, lambda: check(path, force=force, endings=(path.suffix.lower(),))) as part:
        yield part


def export(selection: Selection, path: Path, advance: Advance, *, force: bool = False) -> None:
    """Write a selection's rows in their order.

    Args:
        selection: what is written.
        path: ends in .parquet or .csv.
        advance: told how many further rows are written.
        force: replace a file that is there.

    Raises:
        ConfigurationError: the file is there, or its name ends otherwise.
        WriteError: the disk or the system refuses.
    """
    check(path, force=force)
    with whole(path, force=force) as part:
        (_parquet if path.suffix.lower() == ".parquet" else _csv)(selection, part, advance)


def _batches(selection: Selection) -> Iterator[dict[str, list[Any]]]:
    """Yield the values of each column, some thousand rows at a time."""
    getters = {name: get for name, (_, get) in columns(selection.metrics).items()}
    batch: dict[str, list[Any]] = {name: [] for name in getters}
    for number, (item, decided) in enumerate(selection.rows(), 1):
        for name, get in getters.items():
            batch[name].append(get(item, decided))
        if number % _BATCH == 0:
            yield batch
            batch = {name: [] for name in getters}
    if batch["index"]:
        yield batch


def _parquet(selection: Selection, path: Path, advance: Advance) -> None:
    shape = schema(selection.metrics)
    with pq.ParquetWriter(path, shape, compression="zstd") as writer:
        for batch in _batches(selection):
            writer.write_table(pa.table(batch, schema=shape))
            advance(len(batch["index"]))


def _csv(selection: Selection, path: Path, advance: Advance) -> None:
    """Write RFC 4180 in UTF-8, with a header; nothing for what is missing, semicolons between the parts of a list."""
    texts = {name: _clock if kind == TIME else _text for name, (kind, _) in columns(selection.metrics).items()}
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(texts)
        for batch in _batches(selection):
            told = [[texts[name](value) for value in values] for name, values in batch.items()]
            writer.writerows(zip(*told, strict=True))
            advance(len(batch["index"]))


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ";".join(value)
    return str(value)


def _clock(ms: int | None) -> str:
    """Return a time as ISO 8601 in UTC, or the bare number of ms where no calendar has it."""
    if ms is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"
    except (ValueError, OverflowError, OSError):
        return str(ms)
