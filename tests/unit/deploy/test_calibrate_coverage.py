"""What labels say nothing about: actions, sources and kinds that nobody judged, and further windows of a parent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.calibrate import risk
from deploy.calibrate.audited import Audited, Wanted, audited
from deploy.calibrate.edges import with_edges
from deploy.calibrate.errors import CalibrationError
from deploy.calibrate.joining import Row, Terms, join
from deploy.calibrate.parts import Ask, Judged, judged_parts
from deploy.cli import app
from deploy.errors import ConfigurationError
from deploy.promotion import evidence
from deploy.scorer import HEADS
from schemas.policy import Policy
from schemas.replays import ReplayRun
from tests.unit.aggregation.records import policy
from tests.unit.deploy.calibrations import (
    AT,
    KIND,
    Parent,
    decided,
    label,
    parents,
    write_labels,
    write_policy,
    write_replay,
)
from tests.unit.deploy.promoted import live


def run(folder: Path, *arguments: str, **environment: str) -> Result:
    files = ["--replay", f"{folder}/replay", "--labels", f"{folder}/labels.csv", "--policy", f"{folder}/policy.yaml"]
    own = {"SLUICE_DATA_DIR": str(folder / "none"), "COLUMNS": "200", **environment}
    return CliRunner().invoke(app, ["calibrate", *files, "--probability", "1", *arguments], env=own)


def lay(folder: Path, material: Sequence[Parent], labelled: Iterable[Parent], **columns: Any) -> Path:
    write_replay(folder / "replay", material, decided(material))
    write_labels(folder / "labels.csv", labelled, **columns)
    write_policy(folder / "policy.yaml")
    return folder


def spread(
    name: str, count: int, low: float, high: float, source: str = "camera-1", *, bad: bool = False
) -> list[Parent]:
    contents = [hashlib.sha256(f"{name}{n}".encode()).hexdigest() for n in range(count)]
    step = (high - low) / count
    return [Parent(f"{name}{n}", low + n * step, bad, source, one) for n, one in enumerate(contents)]


def rows(material: Sequence[Parent], chance: float = 1.0) -> list[Row]:
    made = {one.parent_id: {one.window: one} for one in decided(material)}
    given = [label(one.name, 0.1 if one.bad else 0.9, probability=chance) for one in material]
    return join(given, made, Terms(policy())).rows


def judge(own: Sequence[Row], actions: dict[tuple[str, str, str], int], ask: Ask | None = None) -> list[Judged]:
    return judged_parts(own, policy(), actions, ask or Ask(0.1, 0.05))


def test_labels_of_the_review_queue_alone_say_nothing_about_accepted_parents(tmp_path: Path) -> None:
    reviewed, accepted = spread("r", 200, 0.2, 0.399), spread("a", 200, 0.7, 0.9, bad=True)
    done = run(lay(tmp_path, [*reviewed, *accepted], reviewed))
    assert getattr(done.exception, "exit_code", None) == 23, done.output
    assert "none of 200 accepted decisions has a label that counts" in str(done.exception)
    assert "review 200 of 200" in str(done.exception)


def test_a_source_whose_accepted_parents_a_draw_would_have_met_has_some_that_are_judged() -> None:
    own = rows([*spread("a", 60, 0.5, 0.9), *spread("r", 20, 0.3, 0.39, source="camera-2")])
    actions = {(KIND, "camera-1", "accept"): 60, (KIND, "camera-2", "review"): 20}
    assert judge(own, actions)[0].part.threshold is not None
    with pytest.raises(CalibrationError, match=r"none of 30 accepted decisions of camera-2 \(video-frame\)"):
        judge(own, {**actions, (KIND, "camera-2", "accept"): 30})


def test_what_was_never_judged_of_an_action_is_not_accepted_and_the_labels_of_each_are_told(tmp_path: Path) -> None:
    material = [*spread("a", 300, 0.45, 0.9), *spread("r", 200, 0.2, 0.39), *spread("j", 100, 0.05, 0.15)]
    lay(tmp_path, material, [*material[:300], *material[300:330]])
    done = run(tmp_path, "--out", f"{tmp_path}/out")
    assert done.exit_code == 0, (done.output, done.exception)
    (part,) = json.loads((tmp_path / "out" / "calibration.json").read_text())["parts"]
    assert part["floor"] == part["threshold"] or part["threshold"] >= part["floor"] > 0.0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["accept", "300", "300", "300"] in lines
    assert ["review", "200", "30", "30"] in lines
    assert ["reject", "100", "0", "0"] in lines
    assert "no label tells of the decisions to reject" in " ".join(done.stderr.split())
    assert "the labels stand for 100% of accept, 15% of review, 0% of reject" in " ".join(part["notes"])
    assert "15% of review" in (tmp_path / "out" / "report.html").read_text()


def test_sources_that_nobody_judged_are_named_and_not_claimed(tmp_path: Path) -> None:
    material = parents()
    lay(tmp_path, material, [one for one in material if one.source == "camera-1"])
    done = run(tmp_path, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads(done.stdout)
    assert found["valid_for"]["sources"] == ["camera-1"]
    assert found["valid_for"]["unjudged"] == [[KIND, "camera-2"]]
    assert f"the claim is about {KIND} of camera-1 alone" in found["claim"]
    assert "camera-2 (video-frame) has 500 decisions under this rule and no label" in found["parts"][0]["notes"][0]
    alone = json.loads(run(tmp_path, "--json", "--source", "camera-1").stdout)
    assert (alone["valid_for"]["unjudged"], alone["parts"][0]["scopes"]) == ([], [["*", "camera-1"]])
    path = tmp_path / "replay" / "run.json"
    record = ReplayRun.model_validate_json(path.read_bytes()).model_copy(update={"sources": ("camera-1",)})
    path.write_bytes(record.to_json())  # others were not replayed, so it is not known whether there are any
    assert json.loads(run(tmp_path, "--json").stdout)["parts"][0]["scopes"] == [["*", "camera-1"]]


def test_a_policy_that_was_changed_beside_its_calibration_is_refused(tmp_path: Path) -> None:
    material = parents(400)
    lay(tmp_path, material, material)
    write_policy(tmp_path / "policy.yaml", Policy.model_validate({**policy().model_dump(), "version": 7}))
    assert run(tmp_path, "--alpha", "0.2", "--out", f"{tmp_path}/out").exit_code == 0
    place = tmp_path / "out"
    assert evidence.read_calibration(place).policy.version == 7
    risk.read_calibration(place)
    text = (place / "policy.yaml").read_text()
    (place / "policy.yaml").write_text(text.replace("bad_below: 0.5", "bad_below: 0.1"))
    assert (place / "policy.yaml").read_text() != text
    for read in (evidence.read_calibration, risk.read_calibration):
        with pytest.raises(ConfigurationError, match="it was changed"):
            read(place)


def test_a_policy_made_of_a_published_one_has_a_digest_of_its_own() -> None:
    published = live(policy()).before(None)
    assert published is not None
    made = with_edges(published, [(("*", "*"), 0.9)])
    assert made.digest() == Policy.model_validate(made.model_dump()).digest() != published.digest()


def test_one_window_of_a_parent_counts_drawn_by_the_seed_and_the_others_are_told() -> None:
    made = decided([Parent(f"p{n}", 0.9, bad=False) for n in range(30)])
    windows = {one.parent_id: {name: one.model_copy(update={"window": name}) for name in "xyz"} for one in made}
    given = [label(one.parent_id, 0.9, probability=1.0, window=name) for one in made for name in "xyz"]
    drawn = [join(given, windows, Terms(policy(), seed=seed)) for seed in (0, 0, 1)]
    chosen = [[row.decision.window for row in one.rows] for one in drawn]
    assert chosen[0] == chosen[1] != chosen[2]
    assert set(chosen[0]) == set("xyz")
    assert len(drawn[0].left_out["same_parent"]) == 60
    bad = [one.model_copy(update={"value": 0.0}) for one in given]
    assert [row.decision.window for row in join(bad, windows, Terms(policy())).rows] == chosen[0]


def test_the_watch_takes_the_first_window_of_a_parent() -> None:
    (made,) = decided([Parent("a", 0.9, bad=False)], policy(audit={"accept": 1.0}))
    windows = {"a": {name: made.model_copy(update={"window": name}) for name in "xyz"}}
    given = [label("a", 0.9, window=name, at=AT + at) for name, at in (("x", 2), ("y", 1), ("z", 3))]
    found = audited(given, windows, Wanted())
    assert [one.decision.window for one in found.found] == ["y"]
    assert found.further == ["a", "a"]


def test_the_watch_is_told_the_least_probability_of_an_audit_or_takes_that_of_those_it_sees() -> None:
    (made,) = decided([Parent("a", 0.9, bad=False)], policy(audit={"accept": 0.5}))
    found = [Audited(label("a"), made, bad=False, probability=0.5)]
    assert [risk.least_of(stated, found) for stated in (None, 0.1)] == [0.5, 0.1]
    with pytest.raises(ConfigurationError, match=r"--least-probability 0.6 is above that of an audit, which is 0.5"):
        risk.least_of(0.6, found)


def test_the_newest_head_is_that_of_the_sources_that_are_asked_for() -> None:
    old, new = decided([Parent("a", 0.9, bad=False), Parent("b", 0.9, bad=False, source="camera-2")])
    windows = {"a": {"whole": old}, "b": {"whole": new.model_copy(update={"scorers": ("other",)})}}
    given = [label(name, 0.9, probability=1.0) for name in "ab"]
    found = join(given, windows, Terms(policy(), sources=frozenset({"camera-1"})))
    assert [row.decision.parent_id for row in found.rows] == ["a"]


def test_the_least_number_of_labels_is_that_of_a_part_of_a_run_and_one_run_is_the_only_one(tmp_path: Path) -> None:
    material = parents()
    for number, one in enumerate(material):
        one.source = f"camera-{number % 4}"
    lay(tmp_path, material, material)
    done = run(tmp_path, "--run", "3", "--per", "source", "--alpha", "0.2")
    first, second, *_ = done.stdout.splitlines()
    assert "for alpha 0.2 and delta 0.00338 (run 3 of delta 0.05)" in first
    assert "in each of 4 parts" in second
    found = json.loads(run(tmp_path, "--run", "3", "--per", "source", "--alpha", "0.2", "--json").stdout)
    assert second.startswith(f"at least {found['least_labels']} labels")
    assert not any("--run" in note for note in found["notes"])
    again = json.loads(run(tmp_path, "--alpha", "0.2", "--json").stdout)
    assert any("who calibrates again needs --run 1, 2, ..." in note for note in again["notes"])


def test_the_least_probability_of_a_draw_can_be_stated(tmp_path: Path) -> None:
    material = parents(600)
    lay(tmp_path, material, material)
    assert run(tmp_path, "--least-probability", "0.5", "--alpha", "0.2").exit_code == 0
    lines = [f"{one.name},{0.1 if one.bad else 0.9},{0.4 if one.score < 0.7 else 0.5}" for one in material]
    (tmp_path / "labels.csv").write_text("\n".join(["parent,label,probability", *lines]))
    done = run(tmp_path, "--least-probability", "0.45", "--alpha", "0.2")
    assert "the least probability must be" in str(done.exception)
    stated, taken = (
        json.loads(run(tmp_path, "--alpha", "0.2", "--json", *more).stdout)
        for more in (["--least-probability", "0.01"], [])
    )
    assert stated["upper_bound"] > taken["upper_bound"] or stated["threshold"] != taken["threshold"]
    wrong = run(tmp_path, "--least-probability", "0")
    assert "--least-probability 0 is not above 0" in str(wrong.exception)


def test_the_share_that_is_accepted_counts_a_part_by_its_decisions(tmp_path: Path) -> None:
    material = [replace(one, source="camera-1") for one in parents(2000)]
    many = [replace(one, name=f"b{n}", source="camera-2", score=0.1, bad=True) for n, one in enumerate(material)]
    lay(tmp_path, [*material, *many], [*material, *many[:100]])
    found = json.loads(run(tmp_path, "--per", "source", "--json").stdout)
    shares = [part["accepted"] for part in found["parts"]]
    assert found["accepted"] == pytest.approx(sum(shares) / 2)


def test_a_head_that_was_promoted_is_found_in_the_store(tmp_path: Path) -> None:
    material = parents(400)
    lay(tmp_path, material, material)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "digest").symlink_to(HEADS / KIND)
    (tmp_path / "empty").mkdir()
    arguments = ("--alpha", "0.2", "--heads", str(tmp_path / "empty"))
    assert "is not in" in str(run(tmp_path, *arguments).exception)
    assert run(tmp_path, *arguments, SLUICE_HEAD_STORE=str(tmp_path / "store")).exit_code == 0
