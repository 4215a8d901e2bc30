from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from tests.unit.workers.heads import ENCODING, METRICS, features, manifest, network, write
from workers.heads import Head, HeadError, HeadMismatchError, MlpHead, NonFiniteError
from workers.heads.networks import sigmoid
from workers.heads.reasons import CODES, reasons
from workers.metrics import METRIC_NAMES, METRICS_VERSION
from workers.training.fit import mlp_module

MODELS: tuple[Literal["logistic", "mlp"], ...] = ("logistic", "mlp")


def load(folder: Path, **changes: Any) -> Head:
    return Head.load(folder, ENCODING.model_copy(update=changes), METRICS, METRICS_VERSION)


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
    with pytest.raises(HeadMismatchError, match="needs metrics version"):
        Head.load(tmp_path, ENCODING, METRICS, "0")
    with pytest.raises(HeadMismatchError, match=METRICS[3]):
        Head.load(tmp_path, ENCODING, [name for name in METRICS if name != METRICS[3]], METRICS_VERSION)


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
