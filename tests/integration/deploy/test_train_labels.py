"""`sluice train LABELS` on small pictures, with the bundled encoder and a cache of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deploy.cli import app
from schemas.items import ItemEnvelope, RawItem
from workers.encoders import EncoderRegistry
from workers.encoders.base import parameters_sha256
from workers.results import Scored
from workers.scorer import Scorer

COUNT = 60


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures of twelve scenes, every second one blurred; one is no picture, and one is there twice."""
    folder = tmp_path_factory.mktemp("labels")
    rng = np.random.default_rng(0)
    lines = ["item,label,defects,group"]
    for place in range(COUNT):
        rgb = cv2.resize(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8), (96, 96), interpolation=cv2.INTER_NEAREST)
        bad = bool(place % 2)
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 6.0) if bad else rgb, dtype=np.uint8)
        Image.fromarray(rgb).save(folder / f"{place}.png")
        lines.append(f"{place}.png,{0.1 if bad else 0.9},{'blurry' if bad else ''},scene-{place % 12}")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (folder / "twice.png").write_bytes((folder / "0.png").read_bytes())
    lines += ["broken.png,0.9,,scene-1", "twice.png,0.9,,scene-0"]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder / "labels.csv"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["train", *arguments], catch_exceptions=True)


def test_labels_become_a_head_that_scores_and_a_second_run_calls_no_encoder(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.training.candidates.EPOCHS", 4)
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path / "local"))
    for name in ("SLUICE_REDIS", "SLUICE_ENCODERS", "SLUICE_METRICS"):
        monkeypatch.delenv(name, raising=False)
    arguments = (str(labels), "--out", str(tmp_path / "heads"), "--device", "cpu", "--no-curve", "--json")
    first, second = (run(*arguments, *more) for more in ((), ("--no-report",)))
    assert first.exit_code == second.exit_code == 0, first.output + str(first.exception)
    before, after = json.loads(first.stdout), json.loads(second.stdout)
    assert (before["encoder_calls"], after["encoder_calls"]) == (COUNT, 0)
    assert before["heads"] == after["heads"]  # the same labels, seed and features: the same folder
    (head,) = before["heads"]
    assert head["results"]["test/auc"] == 1.0
    notes = "\n".join(head["notes"])
    assert "broken.png" in notes
    assert "line 2: 0.png, line 63: twice.png" in notes
    folder = Path(head["folder"])
    assert {"manifest.json", "head.safetensors", "evaluation.json", "report.html"} <= {p.name for p in folder.iterdir()}
    _scores(folder, labels.parent)


def _scores(folder: Path, pictures: Path) -> None:
    """Check that a worker takes the folder as it is, and that training has left the encoder as it was."""
    encoders = EncoderRegistry()
    scorer = Scorer.load(folder, encoders=encoders)
    network = encoders.get("efficientnet-lite0").network  # type: ignore[attr-defined]
    frozen = parameters_sha256(network)
    items = [
        RawItem(
            ItemEnvelope(id=str(place), source="t", kind="image", parent_id="p", index=place, content_type="image/png"),
            (pictures / f"{place}.png").read_bytes(),
        )
        for place in (0, 1)
    ]
    good, bad = scorer.score(items)
    assert isinstance(good, Scored)
    assert isinstance(bad, Scored)
    assert good.score > 0.5 > bad.score
    assert parameters_sha256(network) == frozen


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([f"{place}.png,0.9" for place in range(50)], "all 50 labels are good"),
        ([f"{place}.png,{place % 2}" for place in range(12)], "at least 40 are needed"),
        (["0.png,0.9", "lost.png,0.1"], "line 3: lost.png"),
        (["0.png,1.5"], "is not in [0,1]"),
    ],
)
def test_labels_that_cannot_be_trained_on_end_before_anything_is_started(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[str], said: str
) -> None:
    monkeypatch.setenv("SLUICE_REDIS", "localhost:1")  # a cache that is away is no error
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path))
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("\n".join(["item,label", *rows]) + "\n")
    found = run(str(wrong), "--root", str(labels.parent), "--out", str(tmp_path / "heads"))
    assert said in str(found.exception)
    assert getattr(found.exception, "exit_code", None) == 2
    assert not (tmp_path / "heads").exists()
