from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from workers.training.labels import LabelRow, read_labels
from workers.training.problems import LabelsError


def wrote(folder: Path, text: str, name: str = "labels.csv") -> Path:
    for file in ("a.png", "b.png", "clip.mp4"):
        (folder / file).write_bytes(b"x")
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def refused(path: Path, **more: Path) -> str:
    with pytest.raises(LabelsError) as caught:
        read_labels(path, **more)
    return str(caught.value)


def test_csv_jsonl_and_parquet_say_the_same(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"item": "a.png", "label": 0.25, "defects": "Blurry;wrong orientation", "group": "night"},
        {"item": "clip.mp4#12", "label": 1, "defects": "", "group": None},
    ]
    csv = "item,label,defects,group\na.png,0.25,Blurry;wrong orientation,night\nclip.mp4#12,1,,\n"
    table = pa.Table.from_pylist([{**row, "label": float(str(row["label"]))} for row in rows])
    parquet.write_table(table, tmp_path / "labels.parquet")
    wrote(tmp_path, "\n".join(map(json.dumps, rows)), "labels.jsonl")
    found = [read_labels(wrote(tmp_path, csv))] + [
        read_labels(tmp_path / f"labels.{end}") for end in ("jsonl", "parquet")
    ]
    first, second = found[0].rows
    assert (first.label, first.defects, first.group) == (0.25, ("blurry", "wrong_orientation"), "night")
    assert (second.path, second.index, second.defects, second.group) == (tmp_path / "clip.mp4", 12, (), None)
    plain = [[(row.name, row.label, row.defects, row.group, row.index) for row in one.rows] for one in found]
    assert plain[0] == plain[1] == plain[2]
    assert [one.rows[1].line for one in found] == [3, 2, 2]


def test_a_parents_label_is_told_from_an_items_and_an_item_may_name_its_parent(tmp_path: Path) -> None:
    path = wrote(tmp_path, "item,parent,label\n,clip.mp4,0.2\na.png,clip.mp4,0.9\n")
    labels = read_labels(path)
    assert [row.name for row in labels.parents] == ["clip.mp4"]
    assert [(row.name, row.group) for row in labels.items] == [("a.png", "clip.mp4")]


@pytest.mark.parametrize("label", ["1.01", "-0.1", "nan", "inf", "good", ""])
def test_seed_fault_7_labels_out_of_range_are_named_with_their_lines(tmp_path: Path, label: str) -> None:
    said = refused(wrote(tmp_path, f"item,label\na.png,0.5\nb.png,{label}\n"))
    assert "1 of 2 rows are wrong" in said
    assert "line 3: the label" in said


def test_a_missing_file_is_named_and_where_it_was_looked_for(tmp_path: Path) -> None:
    said = refused(wrote(tmp_path, "item,label\na.png,0.5\nlost.png,0.5\n"))
    assert "1 of 2 files are missing" in said
    assert "line 3: lost.png" in said
    assert "--root" in said
    (tmp_path / "elsewhere").mkdir()
    assert "2 of 2 files are missing" in refused(tmp_path / "labels.csv", root=tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("item,label\n", "holds no row"),
        ("file,label\na.png,1\n", "the column item or parent is missing"),
        ("item,lable\na.png,1\n", "lable (meant as label?)"),
        ("item,label\na.png\n", "rows have other fields"),
        ("item,label\na.png,1,2\n", "rows have other fields"),
        ("item,label,label\na.png,1,2\n", "the column label twice"),
        ("item,parent,label\n,,1\n", "neither item nor parent"),
        ("item,label,split\na.png,1,validation\n", "the split 'validation' is none of train, calibration"),
        ("item,label,defects\na.png,1,un/safe\n", "is not a name"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(wrote(tmp_path, text))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none.csv")
    assert "end in .csv" in refused(wrote(tmp_path, "x", "labels.xlsx"))
    assert "no Parquet file" in refused(wrote(tmp_path, "x", "labels.parquet"))
    assert "line 2" in refused(wrote(tmp_path, '{"item": "a.png", "label": 1}\nnonsense', "labels.jsonl"))
    (tmp_path / "latin.csv").write_bytes(b"item,label\n\xe9.png,1\n")
    assert "is not UTF-8" in refused(tmp_path / "latin.csv")


def test_columns_that_nothing_is_made_of_are_known_and_a_byte_order_mark_is_none(tmp_path: Path) -> None:
    labels = read_labels(wrote(tmp_path, "\ufeffitem,label,rater\na.png,1,7\n"))
    assert labels.ignored == ("rater",)
    assert isinstance(labels.rows[0], LabelRow)
    assert labels.rows[0].defects is None  # nothing is said about defects
