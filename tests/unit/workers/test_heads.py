from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from deploy.scorer import HEADS
from schemas.heads import Calibration, DefectHead, HeadManifest
from tests.unit.workers.heads import ENCODING, METRICS, features, manifest, network, write
from workers.heads import Defects, Head, HeadError, HeadMismatchError, LateHead, MlpHead, NonFiniteError, Platt
from workers.heads.networks import sigmoid
from workers.heads.reasons import CODES, reasons
from workers.heads.store import packed, read_manifest, save, save_weights, written
from workers.metrics import METRIC_NAMES, METRICS_VERSION
from workers.training.fit import mlp_module

MODELS: tuple[Literal["logistic", "mlp"], ...] = ("logistic", "mlp")


def load(folder: Path, **changes: Any) -> Head:
    return Head.load(folder, ENCODING.model_copy(update=changes), dict.fromkeys(METRICS, METRICS_VERSION))


def inputs(count: int = 7) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    return rng.integers(0, 255, (count, 3)).astype(np.float32), rng.normal(0, 2, (count, len(METRICS)))


@pytest.mark.parametrize("model", MODELS)
def test_a_head_survives_its_files(tmp_path: Path, model: Literal["logistic", "mlp"]) -> None:
    written = write(tmp_path, model)
    head = load(tmp_path)
    assert head.manifest == written
    embeddings, metrics = inputs()
    own = features()
    wanted = sigmoid(network(model, own.width).logits(own.fuse(embeddings, metrics)))
    np.testing.assert_allclose(head.score(embeddings, metrics), wanted, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_an_item_alone_and_in_a_batch_agree(tmp_path: Path, model: Literal["logistic", "mlp"]) -> None:
    write(tmp_path, model)
    head = load(tmp_path)
    embeddings, metrics = inputs()
    together = head.score(embeddings, metrics)
    assert together.shape == (7,)
    assert together.dtype == np.float64
    alone = [float(head.score(embeddings[row : row + 1], metrics[row : row + 1])[0]) for row in range(7)]
    np.testing.assert_allclose(alone, together, atol=1e-12)


def test_the_network_equals_that_of_torch() -> None:
    torch.manual_seed(0)
    module = mlp_module(34).eval()
    linear = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(256, 34), (64, 256), (1, 64)]
    assert [layer.p for layer in module if isinstance(layer, torch.nn.Dropout)] == [0.1, 0.1]
    first, second, third = (layer.weight.detach().double().numpy() for layer in linear)
    biases = [layer.bias.detach().double().numpy() for layer in linear]
    ours = MlpHead((first, second, third), (biases[0], biases[1], biases[2]))
    values = np.random.default_rng(0).normal(size=(5, 34))
    with torch.inference_mode():
        wanted = module(torch.from_numpy(values).float())[:, 0].numpy()
    np.testing.assert_allclose(ours.logits(values), wanted, atol=1e-6)


def test_logits_come_before_the_sigmoid(tmp_path: Path) -> None:
    write(tmp_path)
    embeddings, metrics = inputs(60)
    logits = load(tmp_path).logits(embeddings, 9 * metrics)
    assert logits.max() > 1
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), load(tmp_path).score(embeddings, 9 * metrics))
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_named_and_not_scored(tmp_path: Path, bad: float) -> None:
    write(tmp_path)
    embeddings, metrics = inputs()
    embeddings[2, 1] = bad
    metrics[5, 0] = bad
    with pytest.raises(NonFiniteError) as caught:
        load(tmp_path).score(embeddings, metrics)
    assert caught.value.rows == (2, 5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "another"),
        ("weights_sha256", "b" * 64),
        ("preprocessing", "v2"),
        ("layers", ["last"]),
        ("pooling", "max"),
        ("dimension", 4),
    ],
)
def test_another_encoder_is_refused(tmp_path: Path, field: str, value: object) -> None:
    write(tmp_path)
    with pytest.raises(HeadMismatchError, match=field):
        load(tmp_path, **{field: value})


def test_other_metrics_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    versions = dict.fromkeys(METRICS, METRICS_VERSION)
    with pytest.raises(HeadMismatchError, match=f"other versions of metrics: {METRICS[3]} {METRICS_VERSION}, not 2"):
        Head.load(tmp_path, ENCODING, {**versions, METRICS[3]: "2"})
    with pytest.raises(HeadMismatchError, match=METRICS[3]):
        Head.load(tmp_path, ENCODING, {name: "1" for name in METRICS if name != METRICS[3]})


def test_a_metric_that_a_head_does_not_use_may_have_any_version(tmp_path: Path) -> None:
    write(tmp_path)
    Head.load(tmp_path, ENCODING, {**dict.fromkeys(METRICS, METRICS_VERSION), "new_one": "7"})


def test_a_head_says_the_version_of_each_metric_where_they_differ(tmp_path: Path) -> None:
    own = features()
    several = manifest().model_copy(update={"metric_versions": {METRICS[3]: "2"}})
    save(tmp_path, several, own, network("logistic", own.width))
    versions = dict.fromkeys(METRICS, METRICS_VERSION)
    newer = Head.load(tmp_path, ENCODING, {**versions, METRICS[3]: "2"})
    with pytest.raises(HeadMismatchError, match=f"{METRICS[3]} 2, not 1"):
        Head.load(tmp_path, ENCODING, versions)
    save(tmp_path, manifest(), own, network("logistic", own.width))
    assert Head.load(tmp_path, ENCODING, versions).scorer_digest != newer.scorer_digest


def test_other_weights_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    value = bytearray((tmp_path / "head.safetensors").read_bytes())
    value[-1] ^= 1
    (tmp_path / "head.safetensors").write_bytes(value)
    with pytest.raises(HeadError, match="SHA-256 differs"):
        load(tmp_path)


def rewrite(folder: Path, value: bytes) -> None:
    (folder / "head.safetensors").write_bytes(value)
    changed = manifest().model_copy(update={"weights_sha256": hashlib.sha256(value).hexdigest()})
    (folder / "manifest.json").write_text(changed.model_dump_json())


def test_a_pickle_is_refused_even_if_the_manifest_names_it(tmp_path: Path) -> None:
    write(tmp_path)
    torch.save({"head.weight": torch.zeros(3)}, tmp_path / "pickle.pt")
    rewrite(tmp_path, (tmp_path / "pickle.pt").read_bytes())
    with pytest.raises(HeadError, match="is no safetensors file"):
        load(tmp_path)


@pytest.mark.parametrize("spoil", ["missing", "shape", "nan", "dimension"])
def test_weights_that_contradict_the_manifest_are_refused(tmp_path: Path, spoil: str) -> None:
    write(tmp_path)
    tensors = load_file(tmp_path / "head.safetensors")
    if spoil == "missing":
        del tensors["head.bias"]
    elif spoil == "shape":
        tensors["head.weight"] = tensors["head.weight"][:-1].copy()
    elif spoil == "nan":
        tensors["head.weight"][0] = np.nan
    else:
        tensors["features.mean"] = np.zeros(9, dtype=np.float32)
    save_file(tensors, tmp_path / "spoilt.safetensors")
    rewrite(tmp_path, (tmp_path / "spoilt.safetensors").read_bytes())
    with pytest.raises(HeadError):
        load(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(HeadError, match=r"manifest\.json cannot be read"):
        load(tmp_path)
    write(tmp_path)
    (tmp_path / "head.safetensors").unlink()
    with pytest.raises(HeadError, match=r"head\.safetensors cannot be read"):
        load(tmp_path)


def test_the_scorer_digest_is_that_of_what_scores(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b", "mlp")
    first, other = load(tmp_path / "a"), load(tmp_path / "b")
    assert first.scorer_digest != other.scorer_digest
    renamed = first.manifest.model_copy(update={"results": {"auc": 1.0}, "name": "renamed"})
    (tmp_path / "a" / "manifest.json").write_text(renamed.model_dump_json())
    assert load(tmp_path / "a").scorer_digest == first.scorer_digest


def test_reasons_name_what_is_far_out_and_only_for_low_scores() -> None:
    names = ("brightness", "noise_sigma", "blur_effect", "blockiness", "sharpness", "colourfulness")
    excess = np.array([-3.0, 0.0, 2.0, 0.1, -9.0, 50.0])
    assert reasons(0.2, names, excess) == ("blurry", "dark")
    assert reasons(0.5, names, excess) == ()
    assert reasons(0.2, names, np.zeros(6)) == ()
    many = np.array([-3.0, 4.0, 2.0, 5.0, 0.0, 0.0])
    assert reasons(0.1, names, many) == ("blocky", "noisy", "dark")


def test_every_reason_is_of_a_metric_that_exists() -> None:
    known = {name for family in METRIC_NAMES.values() for name in family}
    assert set(CODES) >= known - {"colourfulness", "edge_density", "left_right", "mean_word_length", "whitespace"}
    assert set(CODES) <= known


def test_late_fusion_a_calibrator_and_defects_survive_their_files(tmp_path: Path) -> None:
    own = features()
    cut, width = own.projection.shape[1], own.width
    late = LateHead(cut, network("mlp", cut), network("mlp", width - cut), np.array([1.5, 0.5]), np.array([-0.25]))
    defects = Defects(("blurry", "noisy"), np.ones((2, width)), np.array([0.5, -9.0]))
    record = Calibration(method="platt", binary_cut=0.5, items=40, groups=9)
    known = [DefectHead(name=name, positives=12, auc=0.9) for name in defects.names]
    changes: dict[str, Any] = {"format": 2, "model": "mlp", "fusion": "late", "calibrated": True, "calibration": record}
    described = manifest().model_copy(update={**changes, "defects": known})
    save_weights(tmp_path, described, packed(own, late, Platt(2.0, -1.0), defects))
    embeddings, metrics = inputs()
    logits = late.logits(own.fuse(embeddings, metrics))
    head = load(tmp_path)
    assert head.calibrated
    np.testing.assert_allclose(head.score(embeddings, metrics), sigmoid(2.0 * logits - 1.0), atol=1e-5)
    assert set(head.defects(embeddings, metrics)) == {"blurry", "noisy"}
    assert len({head.scorer_digest, load_as(tmp_path, described, packed(own, late, Platt(2.0, 0.0), defects))}) == 2


def load_as(folder: Path, described: HeadManifest, weights: bytes) -> str:
    save_weights(folder, described, weights)
    return load(folder).scorer_digest


def test_a_head_is_calibrated_only_with_a_calibrator(tmp_path: Path) -> None:
    own = features()
    save(tmp_path, manifest().model_copy(update={"calibrated": True}), own, network("logistic", own.width))
    with pytest.raises(HeadError, match="says calibrated"):
        load(tmp_path)


def test_committed_heads_of_format_1_load_and_are_written_as_they_were() -> None:
    folders = sorted(path.parent for path in HEADS.glob("*/manifest.json"))
    assert len(folders) == 3
    for folder in folders:
        own = read_manifest(folder)
        assert (own.format, own.calibration, own.defects, own.parents) == (1, None, [], [])
        assert written(own) == (folder / "manifest.json").read_text(encoding="utf-8")
