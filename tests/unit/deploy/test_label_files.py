"""Files of labels: what is read, what is refused with its line, and what counts of several people's labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.labels import Defaults, LabelsError, counted, last_of_each, read_file
from deploy.labels.intake import sorted_out
from deploy.labels.known import Origin
from deploy.labels.output import export
from schemas.labels import LabelGiven
from tests.unit.deploy.calibrations import AT, label

NOW = Defaults(AT, who="ann")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_of_every_format_say_the_same(tmp_path: Path) -> None:
    rows = (
        "parent,label,defects,who,at,guideline,probability,index\na,0.2,blurry;too dark,bob,2023-05-01T08:00,v1,0.5,\n"
    )
    one = read_file(write(tmp_path / "a.csv", rows + "b,cannot_judge,,,,,,3\n"), NOW).labels
    jsonl = [
        {
            "parent": "a",
            "label": 0.2,
            "defects": ["blurry", "too dark"],
            "who": "bob",
            "at": 1682928000000,
            "guideline": "v1",
            "probability": 0.5,
        },
        {"parent": "b", "label": "cannot_judge", "index": 3},
    ]
    other = read_file(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, jsonl))), NOW).labels
    assert [x.model_dump(exclude={"id"}) for x in one] == [x.model_dump(exclude={"id"}) for x in other]
    assert one[0].id == other[0].id  # it has a time of its own
    assert (one[0].defects, one[0].at, one[0].who) == (("blurry", "too_dark"), 1682928000000, "bob")
    assert (one[1].value, one[1].verdict, one[1].index, one[1].who, one[1].at) == (None, "cannot_judge", 3, "ann", AT)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a,1.2,", "line 2: the label 1.2 is not in [0,1]"),
        ("a,nan,", "not in [0,1]"),
        ("a,good,", "'good' is no number"),
        ("a,,", "the label is missing"),
        (",0.5,", "the parent is missing"),
        ("a,0.5,0", "the probability is 0"),
        ("a,0.5,2", "the probability 2 is not in [0,1]"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(LabelsError, match="1 of 1 rows are wrong") as refused:
        read_file(write(tmp_path / "a.csv", f"parent,label,probability\n{row}\n"), NOW)
    assert told in str(refused.value)


def test_columns_that_are_missing_or_misspelt_and_labels_by_nobody_are_told(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"the column label is missing(.|\n)*lable \(meant as label\?\)"):
        read_file(write(tmp_path / "a.csv", "parent,lable\na,1\n"), NOW)
    with pytest.raises(LabelsError, match="who judged is missing"):
        read_file(write(tmp_path / "a.csv", "parent,label\na,1\n"), Defaults(AT))
    with pytest.raises(LabelsError, match="in the future"):
        read_file(write(tmp_path / "a.csv", "parent,label,at\na,1,2999-01-01\n"), NOW)


def test_a_person_who_contradicts_himself_is_refused_unless_times_say_what_came_last(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="lines 2 and 3: ann says two things of a"):
        read_file(write(tmp_path / "a.csv", "parent,label\na,1\na,0\n"), NOW)
    timed = "parent,label,at\na,1,2023-01-02\na,0,2023-01-01\n"
    (last,) = last_of_each(read_file(write(tmp_path / "b.csv", timed), NOW).labels)
    assert last.value == 1.0
    assert read_file(write(tmp_path / "c.csv", "parent,label\na,1\na,1\n"), NOW).repeated == 1


def test_what_was_said_before_is_not_taken_in_again_and_a_change_of_mind_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "parent,label\na,0.2\nb,0.7\n")
    first = sorted_out(read_file(path, NOW).labels, [], {"a": Origin("image", "s")}, AT)
    assert [(one.kind, one.source) for one in first.new] == [("image", "s"), (None, None)]
    assert first.unknown == ("b",)
    later = Defaults(AT + 1000, who="ann")
    assert sorted_out(read_file(path, later).labels, first.new, {}, AT + 1000).new == ()
    changed = read_file(write(path, "parent,label\na,0.9\nb,0.7\n"), later).labels
    second = sorted_out(changed, first.new, {}, AT + 1000)
    assert [(one.parent_id, one.value) for one in second.new] == [("a", 0.9)]
    back = read_file(write(path, "parent,label\na,0.20\nb,0.7\n"), Defaults(AT + 2000, who="ann")).labels
    third = sorted_out(back, [*first.new, *second.new], {}, AT + 2000)
    assert [one.value for one in third.new] == [0.2]
    assert {one.value for one in last_of_each([*first.new, *second.new, *third.new])} == {0.2, 0.7}


@given(st.permutations([("2023-01-01", 1), ("2023-01-02", 0), ("2023-01-03", 1), ("2023-01-03", 1)]), st.integers(1, 4))
def test_the_last_word_counts_in_whatever_order_and_files_it_comes(rows: list[tuple[str, int]], first: int) -> None:
    there: list[LabelGiven] = []
    for some in (rows[:first], rows[first:]):
        read = [label("a", float(value), at=int(day.replace("-", ""))) for day, value in some]
        there += sorted_out(read, there, {}, AT).new
    (last,) = last_of_each(there)
    assert (last.at, last.value) == (20230103, 1.0)
    assert len(there) == len({one.at for one in there}) or len(there) == len(rows)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_what_was_exported_is_known_when_it_is_imported_again(tmp_path: Path, ending: str) -> None:
    given_labels = [
        label("a", 0.25, window="time/0-10", defects=("blurry",), probability=0.5, group="g", source="s"),
        label("b", None, item_id="b/3"),
        label("c", 1.0, index=2, guideline="v2", at=AT + 7),
    ]
    path = tmp_path / f"labels.{ending}"
    export(given_labels, path)
    again = read_file(path, Defaults(AT * 2)).labels
    assert [one.model_dump(exclude={"id"}) for one in again] == [one.model_dump(exclude={"id"}) for one in given_labels]
    assert sorted_out(again, given_labels, {}, AT * 2).new == ()


def test_of_people_who_disagree_the_majority_counts_or_nobody() -> None:
    three = [label("a", 0.2, who="ann"), label("a", 0.9, who="bob"), label("a", 0.7, who="cy")]
    draw = [label("b", 0.2, who="ann"), label("b", 0.9, who="bob")]
    found = counted([*three, *draw, label("c", None), label("d", 0.6)])
    assert [(one.label.parent_id, one.label.value, one.label.who) for one in found.judged] == [
        ("a", pytest.approx(0.8), "bob+cy"),
        ("d", 0.6, "ann"),
    ]
    assert (len(found.conflicts), found.dropped, found.not_judged) == (2, 1, 1)
    assert [one.label.parent_id for one in counted([*three, *draw], "drop").judged] == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.floats(0, 1), st.integers(0, 5))))
def test_each_person_and_target_has_one_label_the_latest(rows: list[tuple[str, str, float, int]]) -> None:
    given_labels = [label(parent, value, who=who, at=at) for who, parent, value, at in rows]
    found = {(one.who, one.parent_id): one for one in last_of_each(given_labels)}
    for one in given_labels:
        assert found[one.who, one.parent_id].at >= one.at
    assert all(isinstance(one, LabelGiven) for one in found.values())
