"""`sluice testcases`: a case is a slice and an assertion; what fails, and what is too few to tell, does not pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.errors import ConfigurationError
from deploy.promotion.evidence import read_cases
from deploy.slices.testcases import SlicesError
from schemas.testcases import CasesResult
from tests.unit.deploy.sliced import NOISY, POLICY, SCORER, cameras, decision, labels, replay

HEAD = "name: night\ncases:\n"
WRONG = """\
name: night
cases:
  - name: one
    metric: false_accept
    assertion: "<= 0.05"
    lest: 3
  - name: two
    metric: auc
    assertion: at least 0.9
    where: sharpness is 3
  - metric: mean_score
    assertion: ">= 2"
    judge_by: eye
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return cameras(tmp_path_factory.mktemp("cameras"))


def _case(name: str, **fields: object) -> str:
    return f"  - {json.dumps({'name': name, **fields})}\n"


def _run(place: tuple[Path, Path], path: Path, *arguments: str, cases: str) -> Result:
    path.write_text(HEAD + cases, encoding="utf-8")
    command = ["testcases", "run", str(path), "--replay", str(place[0]), "--labels", str(place[1]), *arguments]
    return CliRunner().invoke(app, command, env={"SLUICE_KAFKA": "localhost:9"})


def _told(place: tuple[Path, Path], path: Path, cases: str) -> dict[str, Any]:
    done = _run(place, path, "--json", cases=cases)
    assert done.exit_code == 0 or isinstance(done.exception, SlicesError), done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_cases_that_hold_pass_and_their_result_names_the_candidate(place: tuple[Path, Path], tmp_path: Path) -> None:
    cases = _case("others", where=f"source != '{NOISY}'", metric="false_accept_rate", assertion="<= 0.05")
    cases += _case("ranks", metric="auc", assertion=">= 0.6") + _case("passes", metric="accept_rate", assertion="> 0.3")
    out = tmp_path / "result.json"
    done = _run(place, tmp_path / "cases.yaml", "--out", str(out), cases=cases)
    assert done.exit_code == 0, done.output
    assert "night: 3 of 3 cases passed" in done.stdout
    result = CasesResult.model_validate_json(out.read_bytes())
    assert (result.passed, result.labelled, result.decided) == (True, 320, 320)
    assert result.heads == {"video-frame": SCORER}
    assert result.policy == POLICY
    read = read_cases(out)  # as a promotion does
    assert (read.result, result.replay) == (result, "ef" * 32)


def test_a_planted_fault_fails_its_case_with_exit_code_24(place: tuple[Path, Path], tmp_path: Path) -> None:
    cases = _case("noise", where="noise_sigma > 6", metric="false_accept_rate", assertion="<= 0.05", least=10)
    cases += _case("calm", where="noise_sigma < 4", metric="false_accept_rate", assertion="<= 0.05")
    done = _run(place, tmp_path / "cases.yaml", cases=cases)
    assert isinstance(done.exception, SlicesError)
    assert done.exception.exit_code == 24
    assert str(done.exception) == "not passed: 'noise'"
    head, first, second, summary = done.stdout.splitlines()
    assert head.split()[:3] == ["result", "case", "metric"]
    assert first.startswith("failed")
    assert "is not <= 0.05" in first
    assert second.startswith("passed")
    assert summary == "night: 1 of 2 cases passed"


def test_too_few_is_not_passed_and_says_how_many_there_are(place: tuple[Path, Path], tmp_path: Path) -> None:
    cases = _case("few", where="parent == 'clip-000'", metric="accept_rate", assertion=">= 0")
    cases += _case("none", where="source == 'camera-9'", metric="mean_score", assertion=">= 0")
    cases += _case("wide", where="source == 'camera-1'", metric="false_accept_rate", assertion="<= 0.001")
    point = {"judge_by": "point", "metric": "false_accept_rate", "assertion": "<= 0.001"}
    cases += _case("point", where="source == 'camera-1'", **point)
    found = _told(place, tmp_path / "cases.yaml", cases)
    assert not found["passed"]
    assert {one["name"]: one["result"] for one in found["cases"]} == {
        "few": "too_few",
        "none": "too_few",
        "wide": "too_few",
        "point": "passed",
    }
    why = {one["name"]: one["why"] for one in found["cases"]}
    assert why["few"] == "1 parents, and 30 are wanted"
    assert why["none"] == "no parent that the metric is about"
    assert "more labels would tell" in why["wide"]


def test_each_metric_is_about_what_it_says(place: tuple[Path, Path], tmp_path: Path) -> None:
    names = ("false_reject_rate", "held_back_rate", "bad_among_accepted", "wrong_rate", "mean_score", "accept_rate")
    cases = "".join(_case(name, metric=name, assertion="<= 1", where=f"source == '{NOISY}'") for name in names)
    found = {one["name"]: one for one in _told(place, tmp_path / "cases.yaml", cases)["cases"]}
    assert found["false_reject_rate"]["value"] == found["held_back_rate"]["value"] == 0
    accepted = found["accept_rate"]
    assert accepted["count"] == found["wrong_rate"]["count"] == found["mean_score"]["count"] == 80
    bad = found["bad_among_accepted"]
    assert bad["count"] == round(accepted["value"] * 80)
    assert bad["value"] * bad["count"] == pytest.approx(found["wrong_rate"]["value"] * 80)
    assert all(one["low"] <= one["value"] <= one["high"] for one in found.values())


def test_a_file_that_is_wrong_is_told_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(WRONG)
    done = CliRunner().invoke(app, ["testcases", "check", str(path)])
    assert isinstance(done.exception, ConfigurationError)
    told = str(done.exception).splitlines()
    assert told[0] == "these are no test cases:"
    places = [line.strip().removeprefix(f"{path}:").split(": ")[:2] for line in told[1:]]
    assert places == [
        ["4:13", "cases[0].metric"],
        ["6:5", "cases[0].lest"],
        ["9:16", "cases[1].assertion"],
        ["11:5", "cases[2]"],
        ["13:15", "cases[2].judge_by"],
    ]
    assert "Did you mean least?" in told[2]
    assert 'Right would be one of <=, <, >=, > and a number, such as "<= 0.05"' in told[3]
    assert "name is missing: a text" in told[4]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "1:1", "the document is empty"),
        ("name: night", "1:1", "cases is missing: a list of cases"),
        ("name: night\ncases:\n  - {name: a, metric: auc, assertion: '>= 1', where: 'score is 3'}", "3:54", "(at: 3)"),
        ("name: night\ncases:\n  - name: a\n    assertion: >= 0.9", "4:17", "write an assertion in quotes"),
        (HEAD + 2 * _case("a", metric="auc", assertion=">= 1"), "1:1", "two cases are named a"),
        ("name: night\ncases: [3]", "2:9", "3 is wrong"),
    ],
)
def test_every_mistake_has_its_line(tmp_path: Path, text: str, place: str, words: str) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(text)
    done = CliRunner().invoke(app, ["testcases", "check", str(path)])
    assert isinstance(done.exception, ConfigurationError)
    assert f"{path}:{place}: " in str(done.exception)
    assert words in str(done.exception)


def test_a_metric_that_nothing_has_is_told_with_its_case(place: tuple[Path, Path], tmp_path: Path) -> None:
    cases = _case("typo", where="noise_sigm > 3", metric="auc", assertion=">= 0.5")
    done = _run(place, tmp_path / "cases.yaml", cases=cases)
    assert isinstance(done.exception, ConfigurationError)
    assert "the test case 'typo': where: no item has a metric 'noise_sigm'. Did you mean noise_sigma" in str(
        done.exception
    )


def test_a_right_file_shows_its_cases(tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(HEAD + _case("a", metric="auc", assertion=">= 0.9"))
    done = CliRunner().invoke(app, ["testcases", "check", str(path)])
    assert done.exit_code == 0
    assert "a: auc >= 0.9, judged by the interval, 30 parents or more" in done.stdout
    (told,) = CliRunner().invoke(app, ["testcases", "check", str(path), "--json"]).stdout.splitlines()
    assert json.loads(told)["cases"][0]["least"] == 30


def test_an_interval_over_a_few_groups_passes_no_case(tmp_path: Path) -> None:
    names = [f"clip-{number:03}" for number in range(200)]
    given = [{"parent": name, "label": 0, "group": f"site-{number % 4}"} for number, name in enumerate(names)]
    decisions = [decision(name, "reject", 0.1, 2 * number) for number, name in enumerate(names)]
    place = replay(tmp_path / "replay", decisions), labels(tmp_path / "labels.csv", given)
    cases = _case("sites", metric="false_accept_rate", assertion="<= 0.9")
    cases += _case("point", metric="false_accept_rate", assertion="<= 0.9", judge_by="point")
    sites, point = _told(place, tmp_path / "cases.yaml", cases)["cases"]
    assert (sites["result"], sites["groups"]) == ("too_few", 4)
    assert "an interval needs 10 groups" in sites["why"]
    assert point["result"] == "passed"


@pytest.mark.parametrize("command", ["check", "run"])
def test_help_has_an_example(command: str) -> None:
    assert "Example: " in CliRunner().invoke(app, ["testcases", command, "--help"]).stdout
