"""Labels as a file that `sluice labels import` reads again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from deploy.items.export import check, whole
from deploy.labels.files import COLUMNS
from schemas.labels import LabelGiven

ENDINGS: Final = (".csv", ".jsonl", ".parquet")
_TYPES: Final = {"index": pa.int64(), "label": pa.float64(), "probability": pa.float64()}
_SCHEMA: Final = pa.schema(
    [(name, pa.list_(pa.string()) if name == "defects" else _TYPES.get(name, pa.string())) for name in COLUMNS]
)


def as_row(label: LabelGiven) -> dict[str, Any]:
    """Return a label by the columns of a file."""
    moment = datetime.fromtimestamp(label.at // 1000, UTC)
    return {
        "parent": label.parent_id,
        "window": label.window,
        "item": label.item_id,
        "index": label.index,
        "label": label.value,
        "verdict": label.verdict,
        "defects": list(label.defects),
        "who": label.who,
        "at": f"{moment:%Y-%m-%dT%H:%M:%S}.{label.at % 1000:03}Z",
        "guideline": label.guideline,
        "probability": label.probability,
        "decision": label.decision_id,
        "group": label.group,
        "kind": label.kind,
        "source": label.source,
    }


def export(labels: Sequence[LabelGiven], path: Path, *, force: bool = False) -> None:
    """Write labels to a file, as its ending says.

    Raises:
        ConfigurationError: the file is there, or its name ends otherwise.
        WriteError: the disk or the system refuses.
    """
    check(path, force=force, endings=ENDINGS)
    rows = [as_row(label) for label in labels]
    with whole(path, force=force) as part:
        _WRITERS[path.suffix.lower()](rows, part)


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return RFC 4180 with a header; nothing for what is missing, semicolons between defects."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([";".join(row[name]) if name == "defects" else row[name] for name in COLUMNS])
    return text.getvalue()


def _csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    path.write_text(to_csv(rows), encoding="utf-8", newline="")


def _jsonl(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _parquet(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=_SCHEMA), path, compression="zstd")


_WRITERS: Final[Mapping[str, Callable[[Sequence[Mapping[str, Any]], Path], None]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
