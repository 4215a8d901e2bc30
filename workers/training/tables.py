"""Rows of CSV, JSONL and Parquet files, each with the line that it is on."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from workers.training.problems import LabelsError

SUFFIXES: Final = (".csv", ".jsonl", ".ndjson", ".parquet")
_MOST_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Table:
    """A file's columns, and its rows with their lines."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, Any]], ...]


def read_table(path: Path) -> Table:
    """Read a file as its suffix says.

    Raises:
        LabelsError: it is missing, empty, too large, of another suffix, or not what its suffix says.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise LabelsError(f"{path.name}: labels are read from files that end in {', '.join(SUFFIXES)}")
    try:
        size = path.stat().st_size
        value = path.read_bytes() if size <= _MOST_BYTES else b""
    except OSError as error:
        raise LabelsError(f"{path} cannot be read: {error.strerror}") from error
    if not value.strip():
        raise LabelsError(f"{path.name} is {'too large' if size else 'empty'}: {size} bytes")
    if suffix == ".parquet":
        return _parquet(path.name, value)
    try:
        text = value.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsError(f"{path.name} is not UTF-8: byte {error.start} cannot be read. Save it as UTF-8.") from error
    return _csv(path.name, text) if suffix == ".csv" else _lines(path.name, text)


def _csv(name: str, text: str) -> Table:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        columns = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = columns
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise LabelsError(f"{name} is no CSV: line {reader.line_num}: {error}") from error
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise LabelsError(f"{name} has the column {twice[0]} twice")
    odd = [f"line {line}: has {'more' if None in row else 'fewer'} fields" for line, row in rows if _uneven(row)]
    if odd:
        raise LabelsError(f"{name}: rows have other fields than the {len(columns)} of the first line", odd)
    return Table(tuple(columns), tuple(rows))


def _uneven(row: dict[str, Any]) -> bool:
    return None in row or None in row.values()


def _lines(name: str, text: str) -> Table:
    rows, wrong = [], []
    for line, one in enumerate(text.splitlines(), 1):
        if not one.strip():
            continue
        try:
            row = json.loads(one)
        except ValueError as error:
            wrong.append(f"line {line}: {error}")
            continue
        if isinstance(row, dict):
            rows.append((line, row))
        else:
            wrong.append(f"line {line}: is no object")
    if wrong:
        raise LabelsError(f"{name}: each line must be one JSON object", wrong)
    return Table(tuple(dict.fromkeys(column for _, row in rows for column in row)), tuple(rows))


def _parquet(name: str, value: bytes) -> Table:
    try:
        table = parquet.read_table(io.BytesIO(value))
    except (pa.ArrowException, OSError) as error:
        raise LabelsError(f"{name} is no Parquet file: {error}") from error
    return Table(tuple(table.column_names), tuple(enumerate(table.to_pylist(), 1)))
