"""Labels that people gave: rows of a CSV, JSONL or Parquet file."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast, get_args

from workers.training.evaluation import Split
from workers.training.problems import LabelsError
from workers.training.tables import read_table

COLUMNS: Final = ("item", "parent", "label", "defects", "group", "kind", "split")
_SPLITS: Final[tuple[str, ...]] = get_args(Split)
_CODE: Final = re.compile(r"[a-z0-9_]{1,40}")
_PLACE: Final = re.compile(r"(?P<file>.+)#(?P<index>\d{1,9})")
_WANTED: Final = (
    "Wanted are item (a file, or FILE#INDEX for one frame, slice or chunk of it) or parent (a file, or a folder of "
    "pictures), and label (in [0,1]); there may be defects, group, kind and split"
)


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row.

    Attributes:
        line: Where it is in its file, as people count; of a Parquet file the row.
        name: As the file of labels says, FILE or FILE#INDEX.
        path: The file.
        index: Which item of the file; None where there is one.
        label: In [0,1].
        defects: Names as codes; None where nothing is said about defects.
        group: What may not be torn apart; None where nothing is said.
        kind: None: as the file's content says.
        split: What the row is to be used for; None: whatever its group is drawn for.
        of_parent: The label is of the whole file, and of no item in it.
    """

    line: int
    name: str
    path: Path
    index: int | None
    label: float
    defects: tuple[str, ...] | None = None
    group: str | None = None
    kind: str | None = None
    split: Split | None = None
    of_parent: bool = False

    def __str__(self) -> str:
        return f"line {self.line}: {self.name}"


@dataclass(frozen=True, slots=True)
class Labels:
    """All rows, the SHA-256 of the file that they come from, and its columns that nothing is made of."""

    rows: tuple[LabelRow, ...]
    sha256: str
    ignored: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[LabelRow, ...]:
        """The rows about items."""
        return tuple(row for row in self.rows if not row.of_parent)

    @property
    def parents(self) -> tuple[LabelRow, ...]:
        """The rows about parents."""
        return tuple(row for row in self.rows if row.of_parent)


def read_labels(path: Path, root: Path | None = None) -> Labels:
    """Read and check a file of labels. Paths in it are relative to `root`, or else to the file's own folder.

    Raises:
        LabelsError: it cannot be read or is empty, its columns are wrong, or rows are: the text names their lines.
    """
    table = read_table(path)
    _check_columns(table.columns)
    if not table.rows:
        raise LabelsError(f"{path.name} holds no row. {_WANTED}.")
    base = path.parent if root is None else root
    rows, wrong = [], []
    for line, values in table.rows:
        try:
            rows.append(_row(line, values, base))
        except ValueError as error:
            wrong.append(f"line {line}: {error}")
    if wrong:
        raise LabelsError(f"{path.name}: {len(wrong)} of {len(table.rows)} rows are wrong. Mend or remove them.", wrong)
    _check_files(rows)
    ignored = tuple(sorted(set(table.columns) - set(COLUMNS)))
    return Labels(tuple(rows), hashlib.sha256(path.read_bytes()).hexdigest(), ignored)


def _check_columns(columns: Sequence[str]) -> None:
    missing = [] if {"item", "parent"} & set(columns) else ["item or parent"]
    missing += [] if "label" in columns else ["label"]
    unknown = sorted(set(columns) - set(COLUMNS))
    if not missing:
        return
    near = [f"{name} (meant as {close[0]}?)" for name in unknown if (close := get_close_matches(name, COLUMNS, 1))]
    there = f"; there are {', '.join(columns)}" if columns else ""
    raise LabelsError(f"the column {' and '.join(missing)} is missing{there}. {_WANTED}.", near)


def _row(line: int, values: Mapping[str, Any], base: Path) -> LabelRow:
    item, parent = _text(values.get("item")), _text(values.get("parent"))
    if item is None and parent is None:
        raise ValueError("neither item nor parent is given")
    name = cast("str", item or parent)
    match = _PLACE.fullmatch(name) if item and not (base / name).exists() else None
    return LabelRow(
        line=line,
        name=name,
        path=base / (match["file"] if match else name),
        index=int(match["index"]) if match else None,
        label=_label(values.get("label")),
        defects=_defects(values["defects"]) if "defects" in values else None,
        group=_text(values.get("group")) or (parent if item else None),  # an item that names its parent stays with it
        kind=_text(values.get("kind")),
        split=_split(_text(values.get("split"))),
        of_parent=item is None,
    )


def _text(value: object) -> str | None:
    text = "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value).strip()
    return text or None


def _label(value: object) -> float:
    text = _text(value)
    if text is None:
        raise ValueError("the label is missing")
    try:
        label = float(text)
    except ValueError:
        raise ValueError(f"the label {text[:40]!r} is no number") from None
    if not 0.0 <= label <= 1.0:  # true of NaN as well
        raise ValueError(f"the label {label:g} is not in [0,1]")
    return label


def _defects(value: object) -> tuple[str, ...]:
    named = value if isinstance(value, list | tuple) else (_text(value) or "").split(";")
    codes = [re.sub(r"[\s-]+", "_", str(name).strip().lower()) for name in named if str(name).strip()]
    bad = [code for code in codes if not _CODE.fullmatch(code)]
    if bad:
        raise ValueError(f"the defect {bad[0][:60]!r} is not a name of at most 40 letters, digits and _")
    return tuple(dict.fromkeys(codes))


def _split(value: str | None) -> Split | None:
    if value is not None and value not in _SPLITS:
        raise ValueError(f"the split {value[:40]!r} is none of {', '.join(_SPLITS)}")
    return cast("Split | None", value)


def _check_files(rows: Sequence[LabelRow]) -> None:
    lost = [str(row) for row in rows if not row.path.exists()]
    if lost:
        raise LabelsError(
            f"{len(lost)} of {len(rows)} files are missing. Their paths count from the folder of the labels; "
            "--root names another.",
            lost,
        )
