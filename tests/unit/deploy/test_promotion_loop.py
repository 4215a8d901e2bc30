"""What the other commands write is what a promotion reads: from a replay and labels to a candidate that is green."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy import policyfiles
from deploy.cli import app
from deploy.promotion.candidate import Candidate, candidate_of
from deploy.promotion.evidence import read_calibration, read_cases
from deploy.promotion.gates import judged
from deploy.promotion.live import Live
from deploy.promotion.proof import Proof
from tests.unit.deploy.calibrations import decided, parents, write_labels, write_policy, write_replay
from tests.unit.deploy.promoted import live

CASES = "name: s\ncases:\n  - {name: some are accepted, metric: accept_rate, assertion: '>= 0.01', judge_by: point}\n"


def _run(folder: Path, *arguments: str) -> None:
    done = CliRunner().invoke(app, list(arguments), env={"SLUICE_DATA_DIR": str(folder / "none")})
    assert done.exit_code == 0, (done.output, done.exception)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a replay, labels, the policy in force, a calibration, and the result of test cases."""
    folder, material = tmp_path_factory.mktemp("loop"), parents()
    replay = write_replay(folder / "replay", material, decided(material))
    labels, before = folder / "labels.csv", folder / "policy.yaml"
    write_labels(labels, material)
    write_policy(before)
    about = ("--replay", str(replay), "--labels", str(labels))
    alpha = ("--probability", "1", "--alpha", "0.1")
    _run(folder, "calibrate", *about, "--policy", str(before), *alpha, "--out", str(folder / "new"))
    new = policyfiles.load(folder / "new" / "policy.yaml")
    run = json.loads((replay / "run.json").read_text())
    run["policy"] = {"name": new.name, "version": new.version, "digest": new.digest()}  # as if it was replayed with it
    (replay / "run.json").write_text(json.dumps(run))
    (folder / "cases.yaml").write_text(CASES)
    _run(folder, "testcases", "run", str(folder / "cases.yaml"), *about, "--out", str(folder / "cases.json"))
    return folder


def _red(place: Path, candidate: Candidate, in_force: Live) -> dict[str, str]:
    cases, risk = read_cases(place / "cases.json"), read_calibration(place / "new")
    proof = Proof(cases=cases, risk=risk, max_step=0.2, without_canaries=True)
    return {gate.name: "; ".join(gate.problems) for gate in judged(candidate, proof, in_force) if not gate.passed}


def test_what_was_calibrated_and_tested_is_green_and_nothing_laxer_is(place: Path) -> None:
    in_force = live(policyfiles.load(place / "policy.yaml"))
    assert _red(place, candidate_of(place / "new" / "policy.yaml", None), in_force) == {}
    text = (place / "new" / "policy.yaml").read_text()
    (place / "laxer.yaml").write_text(text.replace("medium: 0.3", "medium: 0.2"))
    red = _red(place, candidate_of(place / "laxer.yaml", None), in_force)
    assert list(red) == ["test cases", "risk"]
    assert "they were run under policy" in red["test cases"]
    assert "the bound holds from 0.3" in red["risk"]
