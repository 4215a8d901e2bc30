"""`sluice diff` as a user has it: two folders of replays, and no Kafka."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.errors import SluiceError
from tests.unit.aggregation.records import policy, scored
from tests.unit.deploy.diffs import STRICT, parents, replay

EVIL = "</style><script>alert('p')</script>|`@all`"
SCORES = {"fine": 0.95, "fair": 0.5, "poor": 0.25, "bad": 0.1}
VALUES = [
    *parents(SCORES),
    scored("clip", 0, 0.9, 3),
    scored("clip", 1, 0.45, 3, reasons=("blurry",)),
    scored("clip", 2, 0.5, 3),
]
ANEW = [
    *parents(SCORES),
    scored("clip", 0, 0.9, 3),
    scored("clip", 1, 0.3, 3),
    scored("clip", 2, 0.1, 3, reasons=("dark",)),
]


def run(*arguments: str | Path, folder: Path | None = None) -> Result:
    environment = {"SLUICE_KAFKA": "", "SLUICE_DATA_DIR": str(folder or "/nowhere")}
    return CliRunner().invoke(app, ["diff", *map(str, arguments)], env=environment)


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    return replay(tmp_path / "a", VALUES), replay(tmp_path / "b", VALUES, STRICT)


def _json(*arguments: str | Path) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_json_has_every_figure_and_every_flip(both: tuple[Path, Path]) -> None:
    found = _json(*both)
    assert found["total"]["compared"] == 5
    assert found["total"]["matrix"] == {
        "accept": {"accept": 1, "review": 2, "reject": 0},
        "review": {"accept": 0, "review": 0, "reject": 1},
        "reject": {"accept": 0, "review": 0, "reject": 1},
    }
    flips = {flip["parent_id"]: flip for flip in found["flips"]}
    assert set(flips) == {"fair", "poor", "clip"}
    assert flips["fair"]["before"]["score"] == flips["fair"]["after"]["score"] == 0.5
    assert flips["fair"]["because"] == ["thresholds"]
    assert flips["fair"]["margin"] == pytest.approx(0.1)
    assert [item["index"] for item in flips["clip"]["items"]] == [1, 2, 0]


def test_a_replay_does_not_differ_from_itself(both: tuple[Path, Path]) -> None:
    done = run(both[0], both[0], "--fail-on-flips", "0")
    assert done.exit_code == 0
    assert "None of 5 decisions differs" in done.stdout


def test_the_table_tells_from_what_to_what_and_the_items_behind(both: tuple[Path, Path]) -> None:
    text = run(*both).stdout
    assert "3 of 5 decisions differ (60.0%): 2 from accept to review, 1 from review to reject." in text
    assert re.search(r"^clip +whole +camera-1 +accept +review", text, re.MULTILINE)
    assert "blurry" in text


def test_items_scored_anew_stand_with_both_scores(tmp_path: Path) -> None:
    before = replay(tmp_path / "a", VALUES, rescored=True)
    after = replay(tmp_path / "b", ANEW, rescored=True)
    (flip,) = _json(before, after)["flips"]
    items = {item["index"]: item for item in flip["items"]}
    assert items[2]["before"] == {"score": 0.5, "why": []}
    assert items[2]["after"] == {"score": 0.1, "why": ["dark"]}
    assert items[1]["before"]["why"] == ["blurry"]
    assert flip["because"] == ["score"]


def test_flips_can_fail_a_script(both: tuple[Path, Path]) -> None:
    assert run(*both, "--fail-on-flips", "0.6").exit_code == 0
    done = run(*both, "--fail-on-flips", "0.59")
    assert _error(done).exit_code == 22
    assert "3 of 5 decisions differ (60.00%)" in str(_error(done))
    assert "clip" in done.stdout  # what differs is told all the same
    nothing = run(*both, "--fail-on-flips", "1", "--source", "nobody")
    assert _error(nothing).exit_code == 22


def _error(done: Result) -> SluiceError:
    assert isinstance(done.exception, SluiceError), done.output
    return done.exception


def test_bad_input_is_told_and_ends_with_a_number(both: tuple[Path, Path], tmp_path: Path) -> None:
    assert _error(run(both[0], tmp_path)).exit_code == 21
    assert _error(run("live", "live")).exit_code == 2
    half = replay(tmp_path / "half", VALUES, complete=False)
    assert _error(run(both[0], half)).exit_code == 21
    wide = replay(tmp_path / "wide", VALUES, spans={0: (0, 7), 1: (0, 0)})
    assert "1 partitions" in str(_error(run(both[0], wide)))
    page = tmp_path / "page.txt"
    assert _error(run(*both, "--html", page)).exit_code == 2
    labels = tmp_path / "labels.csv"
    labels.write_text("parent,label\nfair,3\n", encoding="utf-8")
    assert "line 2" in str(_error(run(*both, "--labels", labels)))
    (both[1] / "decisions.parquet").write_bytes(b"no table")
    assert _error(run(*both)).exit_code == 21


def test_other_spans_are_a_warning(both: tuple[Path, Path], tmp_path: Path) -> None:
    longer = replay(tmp_path / "c", [*VALUES, *parents({"more": 0.9})], STRICT)
    found = _json(both[0], longer)
    assert "spans differ" in found["warnings"][0]
    assert [window["parent_id"] for window in found["only_after"]] == ["more"]


def test_labels_say_which_side_is_right(both: tuple[Path, Path], tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("parent,label\nfair,0\nfine,1\nnobody,1\n", encoding="utf-8")
    found = _json(*both, "--labels", labels)["labels"]
    assert found["before"]["confusion"]["bad"]["accept"] == 1
    assert found["after"]["confusion"]["bad"] == {"accept": 0, "review": 1, "reject": 0}
    assert found["mended"] == 1
    assert found["unused"] == {"of parents that are on neither side": 1}
    assert "after is better" in run(*both, "--labels", labels).stdout


def test_the_page_is_one_file_that_asks_nothing_and_escapes_strangers(tmp_path: Path) -> None:
    odd = {"kind": "image", "source": EVIL, "reasons": (EVIL,)}
    values = [*parents({EVIL: 0.5}, **odd), *parents(SCORES)]
    before, after = (
        replay(tmp_path / "a", values, near=("fair",)),
        replay(tmp_path / "b", values, STRICT, near=("fair",)),
    )
    page, summary = tmp_path / "page.html", tmp_path / "summary.md"
    done = run(before, after, "--html", page, "--markdown", summary)
    assert done.exit_code == 0, done.output
    assert "shows no items" in done.stderr
    text = page.read_text(encoding="utf-8")
    tree = LexborHTMLParser(text)
    assert not tree.css("script")
    assert "http:" not in text.replace("http-equiv", "")
    assert all("style" not in node.attributes for node in tree.css("*"))
    assert any(EVIL in node.text() for node in tree.css("h4"))
    assert "near a threshold" in text
    assert len(tree.css("svg.plot")) == 2  # both kinds' scores: none moved
    assert len({node.attributes["id"] for node in tree.css("[id]")}) == len(tree.css("[id]"))
    written = summary.read_text(encoding="utf-8")
    assert "3 of 5 decisions differ" in written
    assert "<script>" not in re.sub(r"(`+).*?\1", "", written)
    assert "@all" not in re.sub(r"(`+).*?\1", "", written)


def test_pictures_of_patients_are_withheld(tmp_path: Path) -> None:
    values = parents({"scan": 0.5}, kind="mri-slice")
    before, after = replay(tmp_path / "a", values), replay(tmp_path / "b", values, STRICT)
    page = tmp_path / "page.html"
    assert run(before, after, "--html", page).exit_code == 0
    assert "withheld" in page.read_text(encoding="utf-8")
    assert _error(run(before, after, "--html", page)).exit_code == 2  # it is there already
    assert run(before, after, "--html", page, "--medical-thumbnails", "--force").exit_code == 0
    assert "withheld" not in page.read_text(encoding="utf-8")


def test_other_windows_are_told_and_not_called_flips(tmp_path: Path) -> None:
    cut = policy(window={"by": "index", "size": 1})
    found = _json(replay(tmp_path / "a", VALUES), replay(tmp_path / "b", VALUES, cut))
    assert found["total"]["flips"] == 0
    assert (found["total"]["only_before"], found["total"]["only_after"]) == (5, 7)
    assert any("one side alone" in warning for warning in found["warnings"])


def test_items_that_had_expired_are_told(tmp_path: Path) -> None:
    before, after = replay(tmp_path / "a", VALUES), replay(tmp_path / "b", VALUES, STRICT, expired={"fair": 2})
    found = _json(before, after)
    assert any("retention had deleted" in warning for warning in found["warnings"])
    assert {flip["parent_id"]: flip["expired_items"] for flip in found["flips"]}["fair"] == 2
