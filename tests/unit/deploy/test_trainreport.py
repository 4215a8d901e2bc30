"""The report of a trained head, as its reader has it: one page, figures beside it, and nothing from the net."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from deploy.report.previews import Preview
from deploy.trainreport import summarise, write
from schemas.policy import Thresholds
from tests.unit.deploy.evaluations import made_up
from workers.training.evaluation import Evaluation
from workers.training.statistics import auc

SECTIONS = ("warnings", "baseline", "figures", "confusion", "defects", "parents", "mistakes", "labels", "limits")
EMPTY = {"meta", "img", "br", "path", "use", "rect"}


class Page(HTMLParser):
    """What a page holds: ids, addresses, pictures; tags that are not closed are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.styles: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action", "srcset"}]
        self.styles += [found["style"] or ""] if "style" in found else []
        if tag == "img":
            self.pictures.append(found)
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return made_up(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def folder(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("head") / "video-frame"
    assert write(evaluation, folder, repetitions=200) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def test_the_page_has_all_sections_and_is_well_formed(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert set(SECTIONS) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_nothing_comes_from_the_net_and_no_style_stands_in_a_tag(text: str) -> None:
    page = Page(text)
    assert "://" not in text
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.addresses)
    assert page.styles == []  # the content security policy would refuse them
    assert "<script" not in text
    assert "default-src &#39;none&#39;; img-src data:; style-src &#39;sha256-" in text


def test_each_figure_is_valid_svg_with_words_and_the_colours_of_the_theme(text: str) -> None:
    drawings = re.findall(r"<svg class=\"plot\".*?</svg>", text, flags=re.DOTALL)
    assert len(drawings) == 5
    for drawing in drawings:
        root = ET.fromstring(drawing)  # noqa: S314 (ours)
        title, description = root[0], root[1]
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        assert title.text
        assert len(description.text or "") > 40
        ids = {element.get("id") for element in root.iter()}
        assert set(re.findall(r"url\(#([^)]+)\)", drawing)) <= ids
        assert {element.get("href", "#")[1:] for element in root.iter("use")} <= ids
        assert "var(--" in drawing
        assert "#0101" not in drawing
    assert 'id="curve-title"' in text
    assert "AUC of the head 0." in text


def test_pictures_have_words_and_names_cannot_break_out(text: str) -> None:
    page = Page(text)
    assert len(page.pictures) == 16
    assert all("label" in (picture["alt"] or "") and "score" in (picture["alt"] or "") for picture in page.pictures)
    assert "<b>picture" not in text
    assert "&lt;b&gt;picture" in text


def test_the_baseline_stands_beside_the_head_with_intervals(figures: dict[str, Any], evaluation: Evaluation) -> None:
    judged = figures["judged"]
    test = [item for item in evaluation.items if item.split == "test"]
    labels = [float(item.label >= 0.5) for item in test]
    assert judged["head"]["value"] == pytest.approx(auc(labels, [item.score for item in test]))
    assert judged["metrics"]["value"] == pytest.approx(auc(labels, [item.baseline_score for item in test]))
    assert judged["gain"]["value"] == pytest.approx(judged["head"]["value"] - judged["metrics"]["value"])
    for name in ("head", "metrics", "gain"):
        assert judged[name]["low"] < judged[name]["value"] < judged[name]["high"]
        assert judged[name]["groups"] == 48
    assert "better than the cheap metrics alone" in figures["verdict"]
    assert judged["before"]["ece"]["value"] != judged["after"]["ece"]["value"]


def test_counts_at_each_threshold_are_those_of_the_test_part(figures: dict[str, Any], evaluation: Evaluation) -> None:
    test = [item for item in evaluation.items if item.split == "test"]
    rows = {row["name"]: row["cut"] for row in figures["judged"]["thresholds"]}
    assert rows["policy: high"]["threshold"] == Thresholds().high
    assert rows["from these labels: accept"]["bad_accepted"] == sum(i.score >= 0.62 and i.label < 0.5 for i in test)
    assert sum(value for key, value in rows["policy: low"].items() if key != "threshold") == len(test)


def test_the_same_evaluation_gives_the_same_bytes(evaluation: Evaluation, folder: Path, tmp_path: Path) -> None:
    write(evaluation, tmp_path, repetitions=200)
    for name in ("report.html", "report.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_an_uncalibrated_head_has_no_probability_and_few_groups_are_marked(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    kept = {f"source {number}" for number in range(12)}
    few = tuple(item for item in evaluation.items if item.group in kept)
    write(
        replace(evaluation, items=few, calibrated=False, calibration="", parents=(), curve=()), tmp_path, repetitions=60
    )
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "not a probability" in text
    assert "before calibration" not in text
    assert "fewer than ten" in text
    assert 'id="parents"' not in text
    assert 'id="curve-title"' not in text


@pytest.mark.parametrize("kept", ["train", "one class", "one group"])
def test_what_cannot_be_said_is_not_said(evaluation: Evaluation, tmp_path: Path, kept: str) -> None:
    test = [item for item in evaluation.items if item.split == "test"]
    items = {
        "train": [item for item in evaluation.items if item.split == "train"],
        "one class": [item for item in test if item.label >= 0.5],
        "one group": [replace(item, group="source") for item in test],
    }[kept]
    write(replace(evaluation, items=tuple(items)), tmp_path, repetitions=60)
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    said = {
        "train": "nothing is known",
        "one class": "cannot tell",
        "one group": "how sure that is cannot be said",
    }[kept]
    assert said in found["verdict"]
    assert said in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_pictures_of_patients_are_shown_to_those_who_ask(evaluation: Evaluation, tmp_path: Path) -> None:
    medical = replace(evaluation, kind="mri-slice", items=evaluation.items[-40:])
    looked: list[str] = []

    def look(item: Any, _medical: bool) -> Preview:
        looked.append(item.name)
        return Preview(text="an excerpt")

    write(medical, tmp_path, preview=look, repetitions=9)
    assert looked == []
    assert "left out" in (tmp_path / "report.html").read_text(encoding="utf-8")
    write(medical, tmp_path, preview=look, medical=True, repetitions=9)
    assert len(looked) == 16
    assert "an excerpt" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_file_that_is_gone_costs_its_picture_alone(evaluation: Evaluation, tmp_path: Path) -> None:
    gone = tuple(replace(item, path=tmp_path / "gone.jpg") for item in evaluation.items)
    write(replace(evaluation, items=gone), tmp_path, repetitions=9)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert Page(text).pictures == []
    assert text.count("not shown") == 16


def test_scores_that_are_no_scores_are_refused(evaluation: Evaluation) -> None:
    wrong = replace(evaluation.items[-1], score=float("nan"))
    with pytest.raises(ValueError, match="finite"):
        summarise(replace(evaluation, items=(*evaluation.items[:-1], wrong)))
