"""A camera turns noisy, and the head was retrained without that defect: each instrument finds it, nothing is promoted.

The two heads are fitted by the recipe of training, to the same items but for the noisy ones that the new one lacks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from deploy import policyfiles
from deploy.cli import app
from deploy.policy.writing import to_yaml
from deploy.promotion.candidate import Candidate
from deploy.promotion.evidence import read_calibration, read_cases
from deploy.promotion.gates import judged
from deploy.promotion.proof import Proof
from schemas.policy import Policy
from tests.unit.aggregation.records import policy, scored
from tests.unit.deploy import promoted
from tests.unit.deploy.calibrations import bundled_scorer
from tests.unit.deploy.diffs import replay
from tests.unit.deploy.promoted import KIND, OLD, live
from tests.unit.deploy.sliced import labels
from workers.training.dataset import Label, Rows
from workers.training.fit import Recipe, fit_features, fit_network

METRICS = ("sharpness", "noise_sigma")
CLIPS = 600
NOISY = "camera-3"
CASES = f"""\
name: cameras
cases:
  - {{name: few bad clips are accepted, metric: bad_among_accepted, assertion: "<= 0.2"}}
  - {{name: nor of the new camera, where: "source == '{NOISY}'", metric: false_accept_rate, assertion: "<= 0.3"}}
"""


@dataclass(frozen=True)
class Clips:
    """Clips of three cameras: a fifth is blurred anywhere, and half of those of the third is noisy."""

    metrics: NDArray[np.float64]  # (n, 2)
    damages: tuple[str, ...]  # "" where there is none

    @classmethod
    def drawn(cls, seed: int) -> Clips:
        rng = np.random.default_rng(seed)
        damages = [_damage(number, rng) for number in range(CLIPS)]
        shifts = {"": (0.0, 0.0), "blur": (-7.0, 0.0), "noise": (0.0, 7.0)}
        metrics = rng.normal((10.0, 2.0), 1.0, (CLIPS, 2)) + [shifts[one] for one in damages]
        return cls(metrics, tuple(damages))

    def rows(self) -> Rows:
        found = tuple(Label("part", one, 5 if one else 0) for one in self.damages)
        return Rows(np.zeros((CLIPS, 1), np.float32), self.metrics, found)


def _damage(number: int, rng: np.random.Generator) -> str:
    if _source(number) == NOISY and rng.random() < 0.5:
        return "noise"
    return "blur" if rng.random() < 0.2 else ""


def _source(number: int) -> str:
    return f"camera-{number % 3 + 1}"


def _scores(train: Rows, clips: Clips) -> Sequence[float]:
    recipe = Recipe(components=0)
    features = fit_features(train, recipe)
    network = fit_network("logistic", features, train, recipe, 0)
    fused = features.fuse(np.zeros((CLIPS, 1), np.float32), clips.metrics)
    found: list[float] = (1.0 / (1.0 + np.exp(-network.logits(fused)))).tolist()
    return found


@dataclass(frozen=True)
class Place:
    folder: Path
    before: Path
    after: Path
    labels: Path
    policy: Policy

    def run(self, *arguments: str | Path) -> Result:
        environment = {"SLUICE_KAFKA": "", "SLUICE_DATA_DIR": str(self.folder / "none")}
        return CliRunner().invoke(app, [str(one) for one in arguments], env=environment)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("planted")
    train, clips = Clips.drawn(1).rows(), Clips.drawn(2)
    without = train.take(np.array([one.damage != "noise" for one in train.labels]))
    before, after = (
        _replay(folder / name, clips, _scores(rows, clips), scorer)
        for name, rows, scorer in (("before", train, OLD), ("after", without, bundled_scorer()))
    )
    given = labels(
        folder / "labels.csv",
        [{"parent": f"clip-{n}", "label": 0.1 if bad else 0.9} for n, bad in enumerate(clips.damages)],
    )
    (folder / "cases.yaml").write_text(CASES)
    (folder / "policy.yaml").write_text(to_yaml(json.loads(policy().model_dump_json())))
    return Place(folder, before, after, given, policyfiles.load(folder / "policy.yaml"))


def _replay(path: Path, clips: Clips, scores: Sequence[float], scorer: str) -> Path:
    values = [
        scored(
            f"clip-{number}",
            0,
            score,
            1,
            at=number,
            source=_source(number),
            scorer=scorer,
            metrics=dict(zip(METRICS, clips.metrics[number].tolist(), strict=True)),
            item_offset=number,
        )
        for number, score in enumerate(scores)
    ]
    return replay(path, values, rescored=True, heads={KIND: scorer}, id=scorer)


def test_the_diff_says_in_which_source_what_flips_and_how_sure_that_is(place: Place) -> None:
    done = place.run("diff", place.before, place.after, "--labels", place.labels, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    said = found["labels"]
    assert said["mcnemar_p"] < 0.001
    assert said["broken"] > 3 * said["mended"]
    assert said["after"]["bad_among_accepted"]["low"] > said["before"]["bad_among_accepted"]["high"]
    let_in = [
        one["source"]
        for one in found["flips"]
        if (one["before"]["action"], one["after"]["action"]) == ("reject", "accept")
    ]
    assert let_in.count(NOISY) > 50
    assert let_in.count(NOISY) / len(let_in) > 0.9


def test_slices_name_the_source_and_the_metric_that_are_surely_above_their_bound(place: Place) -> None:
    for side, code in ((place.before, 0), (place.after, 24)):
        by = ("--by", "source", "--by", "noise_sigma", "--max-false-accept", "0.3")
        done = place.run("slices", "--replay", side, "--labels", place.labels, *by)
        assert getattr(done.exception, "exit_code", 0) == code, done.output
        above = done.output.partition("Surely above a bound: ")[2].partition(".\n")[0]
        assert above.split(", ")[:1] == ([NOISY] if code else [""])
        assert above.count("noise_sigma") == (1 if code else 0)


def test_its_promotion_is_refused_since_test_cases_and_the_bound_say_so(place: Place) -> None:
    run = ("testcases", "run", place.folder / "cases.yaml", "--replay", place.after, "--labels", place.labels)
    assert getattr(place.run(*run, "--out", place.folder / "cases.json").exception, "exit_code", 0) == 24
    calibrate = ("calibrate", "--replay", place.after, "--labels", place.labels, "--probability", "1")
    done = place.run(*calibrate, "--policy", place.folder / "policy.yaml", "--out", place.folder / "new")
    assert getattr(done.exception, "code", 0) == 23, (done.output, done.exception)  # no threshold is valid
    candidate = Candidate(head=promoted.head(bundled_scorer()))
    cases, risk = read_cases(place.folder / "cases.json"), read_calibration(place.folder / "new")
    proof = Proof((promoted.canary(bundled_scorer()),), cases, risk)
    gates = judged(candidate, proof, live(place.policy))
    red = {gate.name: "; ".join(gate.problems) for gate in gates if not gate.passed}
    assert list(red) == ["test cases", "risk"]
    assert "nor of the new camera: failed" in red["test cases"]
    assert "no threshold is valid" in red["risk"]
