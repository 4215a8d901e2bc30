"""`sluice slices` on a replay's folder and a file of labels, as its user has it. Neither needs Kafka."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.errors import ConfigurationError
from deploy.slices.testcases import SlicesError
from tests.unit.deploy.sliced import NOISY, cameras, decision, item, labels, replay


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return cameras(tmp_path_factory.mktemp("cameras"))


def _run(place: tuple[Path, Path], *arguments: str) -> Result:
    return CliRunner().invoke(
        app,
        ["slices", "--replay", str(place[0]), "--labels", str(place[1]), *arguments],
        env={"SLUICE_KAFKA": "localhost:9"},  # nobody answers there: it must not be asked
    )


def _told(place: tuple[Path, Path], *arguments: str) -> dict[str, Any]:
    done = _run(place, "--json", *arguments)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_noisy_camera_comes_first_and_alone_is_above_its_bound(place: tuple[Path, Path]) -> None:
    done = _run(place, "--max-false-accept", "0.1")
    assert isinstance(done.exception, SlicesError)
    assert done.exception.exit_code == 24
    assert f"source {NOISY}" in str(done.exception)
    verdict, _, head, first, *others = done.stdout.splitlines()
    assert f"Surely above a bound: {NOISY}." in verdict
    assert head.split()[:4] == ["by", "source", "decided", "labelled"]
    assert first.startswith(NOISY)
    assert " !" in first
    assert not any(" !" in line for line in others)
    assert "Clopper-Pearson" in others[-1]
    assert "\x1b" not in done.stdout


def test_a_camera_with_a_bound_of_its_own_is_held_against_that(place: tuple[Path, Path]) -> None:
    found = _told(place, "--max-false-accept", "0.1", "--max-false-accept", f"{NOISY}=0.9")
    assert found["alarms"] == []
    standings = {one["slice"]: one["standings"]["false_accept_rate"] for one in found["slices"]}
    assert standings[NOISY] == "within"


def test_figures_are_those_of_the_decisions_and_labels(place: tuple[Path, Path]) -> None:
    found = _told(place)
    (noisy,) = [one for one in found["slices"] if one["slice"] == NOISY]
    assert (found["slices"][0], noisy["decided"], noisy["labelled"]) == (noisy, 80, 80)
    rate = noisy["rates"]["false_accept_rate"]
    assert rate["value"] == rate["hits"] / rate["count"]
    assert rate["count"] == noisy["bad"]
    assert rate["method"] == "exact"
    assert [one["rates"]["false_accept_rate"]["value"] for one in found["slices"][1:]] == [0, 0, 0]
    assert found["replay"] == "ef" * 32
    assert found["policy"]["name"] == "night"
    assert found["notices"] == ["no label says with which probability it was drawn: all are taken as drawn alike"]


def test_a_metric_makes_slices_and_its_errors_rise(place: tuple[Path, Path]) -> None:
    found = _told(place, "--by", "noise_sigma", "--by", "sharpness", "--bins", "4")
    noise, sharpness = found["curves"]
    assert [one["count"] for one in noise["bins"]] == [80] * 4
    rates = [one["rate"]["value"] for one in noise["bins"]]
    assert rates[:3] == [0, 0, 0]
    assert rates[3] > 0.5
    assert noise["trend"]["shape"] == "rises"
    assert sharpness["trend"]["shape"] == "none"
    assert {one["by"] for one in found["slices"]} == {"noise_sigma", "sharpness"}
    shown = _run(place, "--by", "min_noise_sigma").stdout
    assert "false accepts of video-frame, as min_noise_sigma rises: more errors where it is higher" in shown


def test_metrics_are_found_that_go_with_errors(place: tuple[Path, Path]) -> None:
    first, second = _told(place, "--metrics")["relations"]
    assert (first["name"], first["shape"]) == ("noise_sigma", "rises")
    assert (second["name"], second["shape"]) == ("sharpness", "none")
    shown = _run(place, "--metrics").stdout
    assert "2 metrics beside false accepts: p-values are corrected for all of them" in shown


def test_a_condition_leaves_the_windows_that_it_fits(place: tuple[Path, Path]) -> None:
    found = _told(place, "--where", f"source != '{NOISY}' and noise_sigma < 2")
    assert {one["slice"] for one in found["slices"]} == {"camera-1", "camera-2", "camera-4"}
    assert found["all"]["decided"] < 240
    mean = _told(place, "--where", "noise_sigma > 11.9 or min_noise_sigma > 11.9 or max_noise_sigma > 11.9")
    assert mean["all"]["decided"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--by", "noise_sigm"), "Did you mean noise_sigma or min_noise_sigma"),
        (("--by", "reasons"), "reasons is no number"),
        (("--where", "noise_sigm > 2"), "no item has a metric"),
        (("--max-false-accept", "many"), "is no bound: write a share such as 0.05"),
        (("--max-false-accept", "camera-9=0.1"), "no slice is named so; there are camera-1"),
        (("--replay", "."), "is no folder of a replay"),
    ],
)
def test_what_is_wrong_is_told(place: tuple[Path, Path], arguments: tuple[str, ...], words: str) -> None:
    done = _run(place, *arguments)
    assert words in str(done.exception)
    assert "Traceback" not in done.output


def _one(tmp_path: Path, given: list[dict[str, object]]) -> tuple[Path, Path]:
    decisions = [
        decision("a", offset=0),
        decision("b", "reject", 0.1, offset=2),
        decision("c", "accept", 0.9, offset=4, window="time/0-9"),
        decision("c", "accept", 0.9, offset=4, window="time/10-19"),
        decision("b", "accept", 0.8, offset=2, revision=1),
    ]
    return replay(tmp_path / "replay", decisions), labels(tmp_path / "labels.csv", given)


def test_labels_that_cannot_be_used_are_counted_and_named(tmp_path: Path) -> None:
    empty: dict[str, object] = {"parent": "a", "label": "1", "window": "", "index": "", "who": "x"}
    given = [
        empty,
        empty | {"parent": "b", "label": "0.2"},
        empty | {"parent": "c"},  # which of its windows?
        empty | {"parent": "ghost"},
        empty | {"parent": "a", "index": "3"},
        empty | {"parent": "c", "window": "time/0-9", "label": "cannot_judge"},
    ]
    found = _told(_one(tmp_path, given))
    assert (found["all"]["labelled"], found["all"]["decided"], found["all"]["bad"]) == (2, 4, 1)
    assert found["all"]["rates"]["false_accept_rate"]["value"] == 1.0  # of b the revision counts
    assert "labels left out: 1 of parents with several windows, without saying which" in found["notices"]
    assert "labels left out: 1 of parents without a decision" in found["notices"]
    assert "labels left out: 1 of single items" in found["notices"]
    assert "labels left out: 1 that nobody could judge" in found["notices"]
    assert "no decision here about ghost" in found["notices"]


def test_windows_of_one_parent_are_not_taken_as_independent(tmp_path: Path) -> None:
    given: list[dict[str, object]] = [
        {"parent": "c", "window": "time/0-9", "label": 0},
        {"parent": "c", "window": "time/10-19", "label": 0},
        {"parent": "a", "window": "", "label": 0},
    ]
    rate = _told(_one(tmp_path, given))["all"]["rates"]["false_accept_rate"]
    assert (rate["method"], rate["groups"]) == ("groups", 2)


def test_labels_drawn_unequally_are_weighed_or_refused(tmp_path: Path) -> None:
    given: list[dict[str, object]] = [
        {"parent": "a", "label": 0, "probability": 0.1},
        {"parent": "b", "label": 1, "probability": 0.5},
    ]
    place = _one(tmp_path, given)
    held = _told(place)["all"]["rates"]["bad_among_accepted"]
    assert held["method"] == "weighted"
    assert held["value"] == pytest.approx(10 / 12)
    assert _told(place, "--equally-drawn")["all"]["rates"]["bad_among_accepted"]["value"] == 0.5
    labels(place[1], [given[0], given[1] | {"probability": ""}])
    done = _run(place)
    assert isinstance(done.exception, ConfigurationError)
    assert "1 labels have no sampling probability" in str(done.exception)


def test_late_and_repeated_answers_do_not_count_in_a_metric(tmp_path: Path) -> None:
    items = [item("a", 0, 0, {"m": 1.0}), item("a", 0, 1, {"m": 9.0}), item("a", 1, 7, {"m": 5.0})]
    folder = replay(tmp_path / "replay", [decision("a")], items)
    place = folder, labels(tmp_path / "labels.csv", [{"parent": "a", "label": 1}])
    (only,) = _told(place, "--by", "m")["curves"][0]["bins"]
    assert (only["low"], only["high"]) == (1.0, 1.0)


def test_parts_of_a_metric_that_hardly_differs_are_told_apart(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(4)]
    items = [item(name, 0, 2 * number, {"m": 1000.0 + number / 10}) for number, name in enumerate(names)]
    folder = replay(tmp_path / "replay", [decision(name, offset=2 * n) for n, name in enumerate(names)], items)
    place = folder, labels(tmp_path / "labels.csv", [{"parent": name, "label": 1} for name in names])
    found = _told(place, "--by", "m", "--bins", "2")
    assert {one["slice"] for one in found["slices"]} == {"m 1000 to 1000.1", "m 1000.2 to 1000.3"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.styles: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.styles += [found["style"] or ""] if "style" in found else []
        if tag not in {"meta", "br", "path", "use", "rect", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"meta", "br", "path", "use", "rect", "img"}:
            assert self.open.pop() == tag


def test_the_page_holds_tables_and_figures_and_asks_nothing_of_the_net(
    place: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "slices.html"
    done = _run(
        place, "--by", "source", "--by", "noise_sigma", "--metrics", "--max-false-accept", "0.1", "--html", str(path)
    )
    assert isinstance(done.exception, SlicesError)
    assert f"written: {path}" in done.stdout
    text = path.read_text(encoding="utf-8")
    page = _Page(text)
    assert page.open == []
    assert page.styles == []
    assert len(page.ids) == len(set(page.ids))
    assert {"figures", "by-1", "by-2", "metrics", "limits"} <= set(page.ids)
    assert text.count('<svg class="plot"') == 3
    assert "://" not in text
    assert "surely above the bound" in text
    refused = _run(place, "--html", str(path))
    assert "pass --force to replace it" in str(refused.exception)


def test_names_of_strangers_steer_neither_page_nor_terminal(tmp_path: Path) -> None:
    odd = "<b>$x_{$\x1b[31m カメラ</b>"
    folder = replay(tmp_path / "replay", [decision("a", source=odd)])
    place = folder, labels(tmp_path / "labels.csv", [{"parent": "a", "label": 0}])
    path = tmp_path / "slices.html"
    done = _run(place, "--html", str(path))
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.stdout
    assert "<b>" not in path.read_text(encoding="utf-8")


def test_help_has_an_example() -> None:
    assert "Example: " in CliRunner().invoke(app, ["slices", "--help"]).stdout
