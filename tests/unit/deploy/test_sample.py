"""`sluice sample`: labelled clips, whose labels name the parents that publishing makes of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from deploy.demo.sample import CLIPS, LABELS_FILE, Wanted, write
from deploy.errors import ConfigurationError
from workers.sources import SourceOptions, discover

SMALL = Wanted(parents=6, frames=2)


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / LABELS_FILE).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_labels_name_the_parents_that_are_published(tmp_path: Path) -> None:
    advanced: list[int] = []
    assert write(tmp_path / "a", SMALL, lambda: advanced.append(1)) == len(advanced) == SMALL.parents
    found = discover([tmp_path / "a" / CLIPS], source="camera-1", options=SourceOptions())
    parents = [one.open() for one in found.found]
    rows = _rows(tmp_path / "a")
    assert [(row["parent"], row["kind"]) for row in rows] == [(one.parent_id, one.kind) for one in parents]
    assert {one.count for one in parents} == {SMALL.frames}
    assert all((row["defects"] == "") == (float(row["label"]) == 1.0) for row in rows)
    write(tmp_path / "b", SMALL, lambda: None)
    assert _rows(tmp_path / "b") == rows  # the same seed, the same bytes


def test_files_that_are_there_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="is not empty"):
        write(tmp_path, SMALL, lambda: None)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
