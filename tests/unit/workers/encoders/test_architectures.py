"""What each architecture returns for the input that its publisher states: asked of networks without values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from schemas.encoders import EncoderManifest, Layer, PictureInput
from tests.unit.workers.encoders.published import DIMENSIONS, PARAMETERS, constants
from tests.unit.workers.encoders.seeded import WEIGHTS, picture_manifest, place, shared_weights
from workers.encoders import Encoder, EncoderError
from workers.encoders.architectures import ALIASES, ARCHITECTURES
from workers.encoders.backbones import empty
from workers.encoders.base import file_sha256
from workers.encoders.manifests import encoding_of, read_manifest
from workers.encoders.picture import PictureEncoder
from workers.encoders.pooling import to_embedding
from workers.encoders.registry import load_folder
from workers.encoders.views import square, whole
from workers.media import Picture


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_network_has_the_published_dimension_and_size(name: str) -> None:
    """Seed fault 23: 512 and 768 are CLIP's after the projection, and ResNet-50 returns 2048, not 1000 logits."""
    own = ARCHITECTURES[name]
    backbone = empty(own, 224)
    backbone.network.eval()
    asked = [own.layer(alias) for alias in ALIASES]
    with torch.inference_mode():
        found = backbone.outputs(torch.zeros(2, 3, 224, 224, device="meta"), asked)
        pooling: Any = "cls" if own.tokens else "mean"
        last = to_embedding(found["last"].values, found["last"].mask, pooling)
    assert last.shape == (2, DIMENSIONS[name])
    assert picture_manifest("any", name).dimension == DIMENSIONS[name]
    millions = sum(parameter.numel() for parameter in backbone.network.parameters()) / 1e6
    assert millions == pytest.approx(PARAMETERS[name], abs=0.1)
    alone = backbone.outputs(torch.zeros(2, 3, 224, 224, device="meta"), ["last"])
    assert alone["last"].values.shape == found["last"].values.shape, "also where nothing else is asked for"
    for layer in asked[:-1]:
        channels = found[layer].values.shape[1 if found[layer].values.ndim == 4 else 2]
        assert channels == own.widths[layer], layer


def test_every_architecture_is_tested() -> None:
    assert ARCHITECTURES.keys() == DIMENSIONS.keys() == PARAMETERS.keys()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_preset_constants_are_the_published_ones(name: str) -> None:
    """Seed fault 22: ImageNet's constants are wrong for CLIP."""
    assert (ARCHITECTURES[name].mean, ARCHITECTURES[name].std) == constants(name)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name.startswith("clip")])
def test_the_tower_is_the_one_that_open_clip_builds(name: str) -> None:
    """The activation as well: weights of one fit the other, and give wrong numbers."""
    own = ARCHITECTURES[name]
    with torch.device("meta"):
        clip = open_clip.create_model(own.constructor, pretrained=None, device="meta")
    assert repr(empty(own, 224).network) == repr(clip.visual)
    assert ("QuickGELU" in repr(clip.visual)) == ("gelu" not in name)


@pytest.mark.parametrize(
    ("architecture", "layers", "told"),
    [
        ("clip-vit-b32", [Layer(name="last", pooling="mean")], "one vector"),
        ("resnet50", [Layer(name="last", pooling="cls")], "no class token"),
        ("resnet50", [Layer(name="block3", pooling="mean")], "early, middle, late, last, and stage1 to stage4"),
        ("dino-vit-b16", [Layer(name="block12", pooling="cls")], "block0 to block11"),
        ("dino-vit-b16", [Layer(name="early", pooling="cls"), Layer(name="block2", pooling="cls")], "named twice"),
    ],
)
def test_layers_that_cannot_be_had_are_named(architecture: str, layers: list[Layer], told: str) -> None:
    wrong = picture_manifest("any", architecture).model_copy(update={"layers": layers})
    with pytest.raises(EncoderError, match=told):
        encoding_of(wrong)


def test_a_manifest_that_contradicts_itself_is_refused() -> None:
    manifest = picture_manifest("any", "dino-vit-b16")
    steps = manifest.input
    assert isinstance(steps, PictureInput)
    for change, told in (
        ({"dimension": 512}, "declares 512 numbers, the layers 768"),
        ({"architecture": "dino-vit-b17"}, "no architecture is called"),
        ({"input": steps.model_copy(update={"size": 225})}, "no multiple of 16"),
        ({"files": {"tokenizer.json": "0" * 64}}, "no file besides its weights"),
    ):
        with pytest.raises(EncoderError, match=told):
            encoding_of(manifest.model_copy(update=change))
    with pytest.raises(ValidationError, match="above 0"):
        PictureInput(size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.0, 0.5))


def test_whatever_an_embedding_depends_on_changes_the_digest() -> None:
    """Seed fault 18: encoder, preprocessing, layers and type of number are all part of what names an embedding."""
    manifest = picture_manifest("any", "dinov2-vit-s14")
    steps = manifest.input
    assert isinstance(steps, PictureInput)
    changes: list[dict[str, Any]] = [
        {"weights_sha256": "1" * 64},
        {"architecture": "dinov2-vit-s14-reg4"},
        {"dtype": "bfloat16"},
        {"layers": [Layer(name="last", pooling="mean")]},
        {"layers": [Layer(name="last", pooling="cls", view="native")]},
        {"layers": [Layer(name="middle", pooling="cls")]},
        *({"input": steps.model_copy(update=change)} for change in ({"size": 252}, {"fit": "crop"})),
        {"input": steps.model_copy(update={"mean": (0.5, 0.5, 0.5)})},
    ]
    digests = {encoding_of(manifest.model_copy(update=change)).digest() for change in [{}, *changes]}
    assert len(digests) == len(changes) + 1
    assert encoding_of(manifest.model_copy(update={"licence": "other"})).digest() in digests


def test_a_folder_with_another_encoders_manifest_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "encoder.json").write_text(picture_manifest("two", "resnet50").model_dump_json())
    with pytest.raises(EncoderError, match="is that of 'two'"):
        read_manifest(folder)
    (folder / "encoder.json").write_text('{"format": 1, "nmae": "one"}')
    with pytest.raises(EncoderError, match="is not valid: name: Field required"):
        read_manifest(folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the weights of the smallest transformer with registers, as timm has them."""
    files = tmp_path_factory.mktemp("small")
    (files / WEIGHTS).symlink_to(shared_weights("dinov2-vit-s14-reg4", tmp_path_factory)[0])
    return files


def _loaded(root: Path, manifest: EncoderManifest, files: Path) -> Encoder:
    sha256 = file_sha256(files / WEIGHTS)
    return load_folder(place(root, manifest.model_copy(update={"weights_sha256": sha256}), files))


def test_metas_own_layout_gives_the_same_embeddings_as_timms(small: Path, tmp_path: Path) -> None:
    state = load_file(small / WEIGHTS)
    state["register_tokens"] = state.pop("reg_token")
    first = torch.full((1, 1, 384), 0.25)
    state["pos_embed"] = torch.cat([first, state["pos_embed"]], dim=1)
    state["cls_token"] = state["cls_token"] - first
    state["mask_token"] = torch.zeros(1, 384)
    (tmp_path / "meta").mkdir()
    save_file(state, tmp_path / "meta" / WEIGHTS)
    manifest = picture_manifest("any", "dinov2-vit-s14-reg4", size=56)
    one, other = _loaded(tmp_path / "a", manifest, small), _loaded(tmp_path / "b", manifest, tmp_path / "meta")
    medium = Picture(np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8))
    np.testing.assert_allclose(
        one.embed([one.prepare(medium)]), other.embed([other.prepare(medium)]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("architecture", ["dinov2-vit-s14", "dinov2-vit-b14-reg4", "clip-vit-b32", "resnet50"])
def test_the_weights_of_another_network_are_refused(architecture: str, small: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=f"these are not the weights of {architecture}"):
        _loaded(tmp_path, picture_manifest("any", architecture), small)


def test_weights_with_nan_are_refused(small: Path, tmp_path: Path) -> None:
    state = load_file(small / WEIGHTS)
    state["norm.bias"][3] = torch.nan
    (tmp_path / "nan").mkdir()
    save_file(state, tmp_path / "nan" / WEIGHTS)
    with pytest.raises(EncoderError, match=r"NaN or infinity in norm\.bias"):
        _loaded(tmp_path, picture_manifest("any", "dinov2-vit-s14-reg4"), tmp_path / "nan")


def test_the_native_view_keeps_what_resizing_destroys(small: Path, tmp_path: Path) -> None:
    """Seed fault 30: a checkerboard of single pixels is plain gray once it is resized."""
    gray = np.full((448, 448, 3), 128, np.uint8)
    board = np.where(np.indices((448, 448)).sum(axis=0)[..., None] % 2 == 0, 255, 0).repeat(3, axis=2).astype(np.uint8)
    layers = (Layer(name="early", pooling="mean"), Layer(name="early", pooling="mean", view="native"))
    manifest = picture_manifest("any", "dinov2-vit-s14-reg4", layers=layers, size=56)
    encoder = _loaded(tmp_path, manifest, small)
    assert isinstance(encoder, PictureEncoder)
    plain, fine = encoder.embed([encoder.prepare(Picture(picture)) for picture in (gray, board)])
    resized, native = np.abs(plain - fine)[:384].max(), np.abs(plain - fine)[384:].max()
    assert native > 20 * resized


def test_the_crop_leaves_the_edges_out_and_the_squash_does_not() -> None:
    wide = np.zeros((64, 256, 3), np.uint8)
    wide[:, :32] = 255
    steps = picture_manifest("any", "resnet50").input
    assert isinstance(steps, PictureInput)
    assert whole(wide, steps.size).max() == 255
    assert square(wide, steps.size).max() == 0
