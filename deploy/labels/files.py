"""Files of labels about parents and items that went through the gate: CSV, JSONL and Parquet.

`workers/training/labels.py` reads labels of files on a disk, which a head is trained on. Here a label names a parent by
its id, as decisions do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from deploy.labels.problems import LabelsError
from deploy.labels.rows import Defaults, label_of
from schemas.labels import LabelGiven
from workers.training import problems, tables

COLUMNS: Final = (
    *("parent", "window", "item", "index", "label", "verdict", "defects", "who", "at", "guideline", "probability"),
    *("decision", "group", "kind", "source"),
)
_ALSO: Final = {"parent_id": "parent", "item_id": "item", "value": "label", "decision_id": "decision"}
_WANTED: Final = (
    "Wanted are parent (its id, as decisions have it) and label (in [0,1], 1 is good, or cannot_judge); there may be"
    f" {', '.join(name for name in COLUMNS if name not in {'parent', 'label'})}"
)


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What a file says.

    Attributes:
        labels: in the order of the file.
        repeated: rows that say what another row says.
        ignored: columns that nothing is made of.
        sha256: of the file.
    """

    labels: tuple[LabelGiven, ...]
    repeated: int
    ignored: tuple[str, ...]
    sha256: str


def read_file(path: Path, defaults: Defaults) -> LabelFile:
    """Read and check a file of labels.

    Args:
        path: ends in .csv, .jsonl, .ndjson or .parquet.
        defaults: what holds for rows that do not say it.

    Raises:
        LabelsError: it cannot be read, or rows of it are wrong or contradict each other; the text names their lines.
    """
    try:
        table = tables.read_table(path)
    except problems.LabelsError as error:
        raise LabelsError(str(error)) from error
    columns = _known(path.name, table.columns)
    if not table.rows:
        raise LabelsError(f"{path.name} holds no row. {_WANTED}.")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    found: list[tuple[int, LabelGiven]] = []
    wrong: list[str] = []
    for line, values in table.rows:
        named = {columns[name]: value for name, value in values.items() if name in columns}
        try:
            found.append((line, label_of(named, defaults, sha256)))
        except ValueError as error:
            wrong.append(f"line {line}: {error}")
    if wrong:
        raise LabelsError(f"{path.name}: {len(wrong)} of {len(table.rows)} rows are wrong. Mend or remove them.", wrong)
    labels = _consistent(path.name, found)
    ignored = tuple(sorted(set(table.columns) - set(columns) - {"id", "type"}))
    return LabelFile(labels, len(found) - len(labels), ignored, sha256)


def _known(name: str, found: Sequence[str]) -> dict[str, str]:
    """Return what each column of a file is called here; others are left out."""
    columns = {column: _ALSO.get(column, column) for column in found if _ALSO.get(column, column) in COLUMNS}
    twice = sorted({one for one in columns.values() if list(columns.values()).count(one) > 1})
    if twice:
        raise LabelsError(f"{name}: two columns say {twice[0]}; keep one")
    missing = [wanted for wanted in ("parent", "label") if wanted not in columns.values()]
    if "label" in missing and "verdict" in columns.values():
        missing.remove("label")
    if missing:
        others = [column for column in found if column not in columns]
        near = [f"{one} (meant as {close[0]}?)" for one in others if (close := get_close_matches(one, COLUMNS, 1))]
        there = f"; there are {', '.join(found)}" if found else ""
        raise LabelsError(f"{name}: the column {' and '.join(missing)} is missing{there}. {_WANTED}.", near)
    return columns


def _consistent(name: str, found: Sequence[tuple[int, LabelGiven]]) -> tuple[LabelGiven, ...]:
    """Return the labels without repeated ones; a person who says two things of a target at one time is refused."""
    first: dict[tuple[object, ...], tuple[int, LabelGiven]] = {}
    wrong = []
    for line, label in found:
        key = (label.who, label.target, label.at)
        before = first.setdefault(key, (line, label))
        if before[1].said != label.said:
            wrong.append(f"lines {before[0]} and {line}: {label.who} says two things of {label.parent_id}")
    if wrong:
        raise LabelsError(
            f"{name}: {len(wrong)} labels contradict others by the same person. Keep one of each, or say in a column"
            " `at` when they were given: the last one counts.",
            wrong,
        )
    return tuple(label for _, label in first.values())
