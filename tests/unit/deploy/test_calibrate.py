"""Thresholds from labels and a replay: what is chosen, what is refused, and the policy that comes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy import policyfiles
from deploy.calibrate.acceptance import accept_edge
from deploy.calibrate.audited import Wanted, audited
from deploy.calibrate.result import Calibration
from deploy.cli import app
from schemas.policy import Action, Thresholds
from tests.unit.aggregation.records import policy
from tests.unit.deploy.calibrations import (
    AT,
    Parent,
    decided,
    label,
    parents,
    trained_on,
    write_labels,
    write_policy,
    write_replay,
)

_LAX = {"high": 0.1, "medium": 0.02, "low": 0.01}


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["calibrate", *arguments], env={"SLUICE_DATA_DIR": str(folder / "none")})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    material = parents()
    write_replay(tmp_path / "replay", material, decided(material))
    write_labels(tmp_path / "labels.csv", material)
    write_policy(tmp_path / "policy.yaml")
    return tmp_path


def asked(place: Path, *more: str) -> list[str]:
    files = ["--replay", f"{place}/replay", "--labels", f"{place}/labels.csv", "--policy", f"{place}/policy.yaml"]
    return [*files, "--probability", "1", *more]


def record(place: Path, *more: str) -> dict[str, Any]:
    done = run(place, *asked(place, "--json", *more))
    assert done.exit_code in {0, 23}, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_threshold_holds_its_promise_and_is_in_the_policy_that_is_written(place: Path) -> None:
    done = run(place, *asked(place, "--alpha", "0.1", "--out", f"{place}/out"))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("at least 29 labels of accepted parents, none of them bad, are needed for alpha 0.1")
    found = json.loads((place / "out" / "calibration.json").read_text())
    written = policyfiles.load(place / "out" / "policy.yaml")
    assert accept_edge(written.rules[0]) == found["threshold"] == found["parts"][0]["threshold"]
    assert found["candidate"]["digest"] == written.digest()
    assert found["upper_bound"] <= 0.1
    fresh = [one for one in parents(20_000, seed=9) if one.score >= found["threshold"]]
    assert sum(one.bad for one in fresh) / len(fresh) <= 0.1
    assert found["valid_for"]["sources"] == ["camera-1", "camera-2"]
    assert "It is marginal: over camera-1, camera-2 together" in found["claim"]
    assert {one["source"] for one in found["parts"][0]["sources"]} == {"camera-1", "camera-2"}
    assert [one["name"] for one in found["parts"][0]["alternatives"]] == [
        "percentile",
        "expected cost",
        "review capacity",
    ]
    again = run(place, *asked(place, "--alpha", "0.1", "--out", f"{place}/out"))
    assert "pass --force" in str(again.exception)
    before = (place / "out" / "calibration.json").read_bytes()
    assert run(place, *asked(place, "--alpha", "0.1", "--out", f"{place}/out", "--force")).exit_code == 0
    assert (place / "out" / "calibration.json").read_bytes() == before


def test_where_no_threshold_is_valid_everything_goes_to_review_and_the_exit_code_says_so(place: Path) -> None:
    done = run(place, *asked(place, "--alpha", "0.001", "--out", f"{place}/out"))
    assert done.exit_code == 23
    assert "review" in done.stdout
    found = json.loads((place / "out" / "calibration.json").read_text())
    assert found["threshold"] is None
    written = policyfiles.load(place / "out" / "policy.yaml")
    assert set(written.rules[0].actions.values()) == {Action.REVIEW}


def test_each_source_gets_a_threshold_of_its_own_and_a_part_of_delta(place: Path) -> None:
    found = record(place, "--per", "source", "--delta", "0.1")
    assert [part["delta"] for part in found["parts"]] == [0.05, 0.05]
    assert [part["scopes"] for part in found["parts"]] == [[["*", "camera-1"]], [["*", "camera-2"]]]
    assert found["threshold"] == max(part["threshold"] for part in found["parts"])
    one = record(place, "--source", "camera-2")
    assert one["valid_for"]["sources"] == ["camera-2"]
    assert [out["reason"] for out in one["left_out"]] == ["not_asked"]


def test_labels_that_cannot_stand_for_others_or_whose_content_was_trained_on_are_refused_and_named(
    tmp_path: Path,
) -> None:
    material = parents(400)
    material[3] = replace(material[3], content=trained_on())
    material[4] = replace(material[4], name=f"astronaut-{trained_on()[:12]}")
    write_replay(tmp_path / "replay", material, decided(material))
    strangers = [Parent(f"stranger{number}", 0.5, bad=False) for number in range(3)]
    write_labels(tmp_path / "labels.csv", [*material, *strangers])
    write_policy(tmp_path / "policy.yaml")
    found = record(tmp_path)
    assert {out["reason"]: (out["count"], out["parents"]) for out in found["left_out"]} == {
        "trained": (2, ["p3", material[4].name]),
        "unknown": (3, ["stranger0", "stranger1", "stranger2"]),
    }
    assert found["labels"] == 398
    without = [part for part in asked(tmp_path) if part not in {"--probability", "1"}]
    done = run(tmp_path, *without)
    assert getattr(done.exception, "exit_code", None) == 23
    assert "have no sampling probability" in str(done.exception)


def test_a_policy_that_makes_other_scores_is_refused_and_one_with_other_edges_is_not(place: Path) -> None:
    edges = Thresholds(high=0.9, medium=0.8, low=0.1)
    write_policy(place / "policy.yaml", policy(thresholds=edges))
    assert record(place)["labels"] == 1000
    write_policy(place / "policy.yaml", policy(method={"name": "min"}))
    done = run(place, *asked(place))
    assert getattr(done.exception, "exit_code", None) == 23
    assert "1000 are of decisions by a policy that makes other scores" in str(done.exception)


def test_a_head_that_is_not_there_is_asked_for(place: Path) -> None:
    done = run(place, *asked(place, "--heads", str(place)))
    assert getattr(done.exception, "exit_code", None) == 2
    assert "--heads FOLDER" in str(done.exception)


def test_where_only_accepts_were_judged_the_threshold_stays_at_the_present_edge(place: Path) -> None:
    material = [one for one in parents() if one.score >= 0.4 and not (one.bad and one.score < 0.9)]
    write_labels(place / "labels.csv", material)
    found = record(place, "--alpha", "0.3")
    (part,) = found["parts"]
    assert part["floor"] == 0.4
    assert part["threshold"] >= 0.4
    assert {one["action"]: one["labels"] > 0 for one in part["drawn"]} == {
        "accept": True,
        "review": False,
        "reject": False,
    }


def test_bad_below_and_unequal_probabilities_count(tmp_path: Path) -> None:
    material = parents(600)
    rule = policy(bad_below=0.05)
    write_replay(tmp_path / "replay", material, decided(material, rule))
    write_labels(tmp_path / "labels.csv", material)
    write_policy(tmp_path / "policy.yaml", rule)
    assert record(tmp_path)["bad"] == 0  # the worst label is 0.1
    rows = [f"{one.name},{0.1 if one.bad else 0.9},{1.0 if one.score < 0.7 else 0.5}" for one in material]
    (tmp_path / "labels.csv").write_text("\n".join(["parent,label,probability", *rows]))
    found = record(tmp_path)
    assert found["method"] == "betting"


def test_the_report_asks_nothing_of_the_net_and_shows_the_alternatives(place: Path) -> None:
    assert run(place, *asked(place, "--out", f"{place}/out")).exit_code == 0
    page = (place / "out" / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    for name in ("percentile", "expected cost", "review capacity", "Accept from"):
        assert name in page


def test_the_guarantee_is_about_its_own_heads_sources_and_edges_and_about_what_came_after_it(place: Path) -> None:
    found = Calibration.model_validate(record(place))
    rules = {("video-frame", "camera-1"): policy().rules[0]}
    stricter = policy(audit={"accept": 1.0}, thresholds={"high": 0.95, "medium": 0.9, "low": 0.2})
    later = decided([Parent("a", 0.95, bad=False)], stricter, AT + 10_000)[0]
    cases = {
        "found": later,
        "older": decided([Parent("a", 0.95, bad=False)], stricter)[0],
        "laxer": decided([Parent("a", 0.95, bad=False)], policy(audit={"accept": 1.0}, thresholds=_LAX), AT + 10_000)[
            0
        ],
        "head": later.model_copy(update={"scorers": ("another",)}),
        "source": later.model_copy(update={"source": "camera-9"}),
    }
    covered = {}
    for name, decision in cases.items():
        audits = audited([label("a", 0.2)], {"a": {"whole": decision}}, Wanted(found, rules))
        covered[name] = (len(audits.found), len(audits.not_covered))
    assert covered == {"found": (1, 0), **dict.fromkeys(("older", "laxer", "head", "source"), (0, 1))}


def test_a_claim_about_unseen_groups_needs_groups(place: Path) -> None:
    done = run(place, *asked(place, "--one-per-group"))
    assert getattr(done.exception, "exit_code", None) == 23
    assert "group" in str(done.exception)
    rows = [f"{one.name},{0.1 if one.bad else 0.9},{number // 2}" for number, one in enumerate(parents())]
    (place / "labels.csv").write_text("\n".join(["parent,label,group", *rows]))
    found = record(place, "--one-per-group", "--alpha", "0.2")
    assert (found["labels"], found["valid_for"]["unseen_groups"]) == (500, True)
