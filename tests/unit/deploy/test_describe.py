"""`sluice describe`: what a worker would load, and what is told of a head."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.scorer import HEADS
from schemas.heads import Calibration, DefectHead, HeadManifest, LabelsUsed, ParentCalibration, SplitSize

GOLDEN = Path(__file__).parent / "describe-mri-slice.txt"
"""Made by `sluice describe head mri-slice`; made again when the bundled head is."""


def _run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["describe", *arguments], env={"SLUICE_METRICS": ""})
    assert (done.exit_code, done.exception if code == 0 else None) == (code, None), done.output
    return done.stdout


def _problem(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["describe", *arguments], env={"SLUICE_METRICS": ""})
    assert getattr(done.exception, "exit_code", None) == 2
    return str(done.exception)


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """A folder with one head, a copy of a bundled one."""
    shutil.copytree(HEADS / "mri-slice", tmp_path / "heads" / "mine")
    return tmp_path / "heads"


def _manifest(heads: Path) -> HeadManifest:
    return HeadManifest.model_validate_json((heads / "mine" / "manifest.json").read_bytes())


def _write(heads: Path, manifest: HeadManifest) -> None:
    (heads / "mine" / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")


def test_a_bundled_head_is_told_whole() -> None:
    assert _run("head", "mri-slice") == GOLDEN.read_text(encoding="utf-8")


def test_programs_get_the_manifest_and_what_follows_from_it() -> None:
    told = json.loads(_run("head", "mri-slice", "--json"))
    manifest = HeadManifest.model_validate(told["manifest"])
    assert manifest == HeadManifest.model_validate_json((HEADS / "mri-slice" / "manifest.json").read_bytes())
    assert (told["encoder"], told["unmeasured"]) == ("here", [])
    assert told["encoding_digest"] == manifest.encoding.digest()
    assert len(told["scorer"]) == 64


def test_what_a_worker_would_load_is_listed_by_kind() -> None:
    told = json.loads(_run("--json"))
    assert {one["manifest"]["kind"] for one in told["heads"]} == {"document-chunk", "mri-slice", "video-frame"}
    assert told["shared"] == {"image": "video-frame"}
    assert {one["manifest"]["encoding"]["name"] for one in told["heads"]} <= set(told["encoders"])
    assert told["problems"] == []
    assert "as video-frame" in _run()


def test_a_head_is_found_by_kind_name_and_folder(heads: Path) -> None:
    by_kind = _run("head", "mri-slice", "--heads", str(heads))
    assert by_kind == _run("head", "mri-slice-synthetic", "--heads", str(heads)) == _run("head", str(heads / "mine"))
    assert "Did you mean mri-slice" in _problem("head", "mri-slices", "--heads", str(heads))
    assert "There are: none" in _problem("head", "zzz", "--heads", str(heads / "mine"))


def test_what_was_learnt_from_labels_is_told(heads: Path) -> None:
    split = SplitSize(items=40, groups=8, good=30)
    used = LabelsUsed(sha256="a" * 64, binary_cut=0.5, groups="the patient", splits={"test": split})
    of_parents = ParentCalibration(
        kind="mri-slice",
        method="median",
        calibrator="platt",
        binary_cut=0.5,
        parents=30,
        groups=9,
        slope=1.0,
        shift=0.0,
    )
    manifest = _manifest(heads)
    update = {"format": 2, "labels_used": used, "parents": [of_parents], "labels": "three radiologists"}
    _write(heads, manifest.model_copy(update=update))
    told = _run("head", "mri-slice", "--heads", str(heads))
    for words in ("three radiologists", "test: 40 items of 8 groups, 30 of them good", "a group is the patient"):
        assert words in told
    assert "mri-slice, median: platt on 30 parents of 9 groups" in told


def test_a_head_that_a_worker_would_refuse_is_listed_with_its_problem(heads: Path) -> None:
    shutil.copytree(heads / "mine", heads / "other")
    assert "two heads are for mri-slice" in _run("--heads", str(heads), code=1)
    weights = heads / "other" / "head.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    told = json.loads(_run("--heads", str(heads), "--json", code=1))
    assert "its SHA-256 differs" in told["heads"][1]["problem"]
    assert "its SHA-256 differs" in _problem("head", str(heads / "other"))
    assert "no head lies in" in _run("--heads", str(heads / "other"), code=1)


def test_an_encoder_or_a_metric_that_is_not_here_is_told(heads: Path) -> None:
    manifest = _manifest(heads)
    renamed = manifest.encoding.model_copy(update={"name": "dinov9"})
    _write(heads, manifest.model_copy(update={"encoding": renamed, "metrics_version": "0"}))
    told = _run("--heads", str(heads), code=1)
    assert "mri-slice: its encoder is not here" in told
    assert "mri-slice: not measured here, or in another version: foreground_share" in told


def test_an_encoder_is_told_as_its_own_command_tells_it() -> None:
    own = CliRunner().invoke(app, ["encoder", "describe", "efficientnet-lite0", "--json"])
    assert _run("encoder", "efficientnet-lite0", "--json") == own.stdout


def test_no_field_of_a_manifest_is_passed_over(heads: Path) -> None:
    """What a later manifest holds besides, and nobody has written words for, is printed as it is."""
    _write(heads, _manifest(heads).model_copy(update={"format": 2, "evaluation_sha256": "e" * 64}))
    assert f"evaluation_sha256 {'e' * 64}" in _run("head", "mri-slice", "--heads", str(heads))


def test_a_calibrated_head_and_its_defects_are_told(heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calibration = Calibration(method="platt", binary_cut=0.5, items=100, groups=12)
    defect = DefectHead(name="wrong_orientation", positives=25, auc=0.97)
    update = {"format": 2, "calibrated": True, "calibration": calibration, "defects": [defect]}
    _write(heads, _manifest(heads).model_copy(update=update))
    loaded = type("Loaded", (), {"scorer_digest": "d" * 64})
    monkeypatch.setattr("deploy.headfacts.Head.load", lambda *_: loaded)  # the weights have neither
    told = _run("head", "mri-slice", "--heads", str(heads))
    assert "the probability that the item is good" in told
    assert "by platt on 100 items of 12 groups; good is 0.5 and up" in told
    assert "wrong_orientation: learnt from 25 items, auc 0.97" in told
