from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from workers.encoders import Encoder, EncoderConflictError, EncoderError, EncoderRegistry
from workers.encoders.base import parameters_sha256
from workers.encoders.lite0 import Lite0
from workers.encoders.minilm import MAX_TOKENS, MiniLM
from workers.encoders.pooling import masked_mean, to_embedding
from workers.encoders.views import mosaic, pixels, whole
from workers.media import Chunk, Medium, Picture, Slice

NAMES = ("efficientnet-lite0", "all-minilm-l6-v2")


def media(name: str, count: int = 5) -> list[Medium]:
    """Return media of different sizes that the encoder reads."""
    rng = np.random.default_rng(7)
    if name == "all-minilm-l6-v2":
        return [Chunk("The quick brown fox jumps over the lazy dog. " * (1 + 4 * place)) for place in range(count)]
    shapes = [(144 + 90 * place, 176 + 120 * place) for place in range(count - 1)]
    found: list[Medium] = [Picture(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)) for shape in shapes]
    return [*found, Slice(rng.random((233, 197), dtype=np.float32))]


@pytest.fixture(params=NAMES)
def encoder(request: pytest.FixtureRequest, encoders: EncoderRegistry) -> Encoder:
    return encoders.get(request.param)


def network(encoder: Encoder) -> torch.nn.Module:
    assert isinstance(encoder, Lite0 | MiniLM)
    return encoder.network


def test_an_embedding_has_its_announced_shape_and_is_finite(encoder: Encoder) -> None:
    inputs = [encoder.prepare(medium) for medium in media(encoder.name)]
    embeddings = encoder.embed(inputs)
    assert embeddings.shape == (len(inputs), encoder.dimension)
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()
    assert embeddings.std(axis=0).max() > 0


def test_an_item_alone_and_in_a_padded_batch_agree(encoder: Encoder) -> None:
    inputs = [encoder.prepare(medium) for medium in media(encoder.name)]
    together = encoder.embed(inputs)
    alone = np.concatenate([encoder.embed([one]) for one in inputs])
    np.testing.assert_allclose(together, alone, atol=1e-5, rtol=1e-5)


def test_the_same_item_gives_the_same_embedding_every_time(encoder: Encoder) -> None:
    one = encoder.prepare(media(encoder.name)[0])
    first = encoder.embed([one]).tobytes()
    assert all(encoder.embed([one]).tobytes() == first for _ in range(10))


def test_preparing_in_threads_is_preparing(encoder: Encoder) -> None:
    wanted = [encoder.prepare(medium) for medium in media(encoder.name)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(encoder.prepare, media(encoder.name) * 4))
    for place, one in enumerate(found):
        np.testing.assert_array_equal(one, wanted[place % len(wanted)])


def test_a_network_in_training_mode_is_refused(encoder: Encoder) -> None:
    one = encoder.prepare(media(encoder.name)[0])
    child = next(network(encoder).children())
    child.train()
    try:
        with pytest.raises(EncoderError, match="training mode"):
            encoder.embed([one])
    finally:
        child.eval()
    encoder.embed([one])


def test_frozen_means_frozen(encoder: Encoder) -> None:
    before = parameters_sha256(network(encoder))
    encoder.embed([encoder.prepare(media(encoder.name)[0])])
    assert parameters_sha256(network(encoder)) == before
    assert not any(parameter.requires_grad for parameter in network(encoder).parameters())


def test_a_medium_of_another_family_is_refused(encoder: Encoder) -> None:
    other: Medium = Picture(np.zeros((9, 9, 3), np.uint8)) if encoder.name == NAMES[1] else Chunk("words")
    with pytest.raises(TypeError, match="is needed"):
        encoder.prepare(other)


def test_the_digest_tells_encoders_apart(encoders: EncoderRegistry) -> None:
    digests = {encoders.get(name).digest for name in NAMES}
    assert len(digests) == len(NAMES)
    encoding = encoders.get(NAMES[0]).encoding
    assert encoding.digest() == encoders.get(NAMES[0]).digest
    assert encoding.model_copy(update={"preprocessing": "v2"}).digest() != encoding.digest()
    assert encoding.model_copy(update={"layers": encoding.layers[:-1]}).digest() != encoding.digest()


def test_texts_are_bucketed_by_length_and_cut(encoders: EncoderRegistry) -> None:
    encoder = encoders.get("all-minilm-l6-v2")
    short, long = encoder.prepare(Chunk("One.")), encoder.prepare(Chunk("word " * 999))
    assert len(long) == MAX_TOKENS
    assert encoder.bucket(short) != encoder.bucket(long)
    assert encoder.embed([encoder.prepare(Chunk(""))]).shape == (1, encoder.dimension)


def test_a_deep_copy_of_a_slice_needs_no_colour() -> None:
    plane = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    rgb = pixels(Slice(plane))
    assert rgb.shape == (3, 4, 3)
    assert rgb[-1, -1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("shape", [(1, 1), (7, 500), (144, 176), (224, 224), (1080, 1920)])
def test_views_have_one_size_whatever_the_picture(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert whole(rgb).shape == mosaic(rgb).shape == (224, 224, 3)


def test_the_mosaic_keeps_pixels_as_they_are() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    piece = mosaic(rgb)[:112, :112]
    np.testing.assert_array_equal(piece, rgb[64:176, 104:216])


TOKENS = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)


class Output(dict[str, Any]):
    """Stands for transformers' ModelOutput, which is an ordered dictionary."""


@pytest.mark.parametrize(
    "output",
    [
        TOKENS,
        {"last_hidden_state": TOKENS, "pooler_output": torch.zeros(2, 4)},
        Output(last_hidden_state=TOKENS, attentions=None),
        (TOKENS, torch.zeros(2, 4)),
        [TOKENS],
        TOKENS.bfloat16(),
        TOKENS.permute(0, 2, 1)[..., None],
        TOKENS.mean(dim=1),
    ],
    ids=["tokens", "dict", "output", "tuple", "list", "bfloat16", "maps", "vectors"],
)
def test_every_kind_of_output_becomes_one_vector_an_item(output: Any) -> None:
    embedding = to_embedding(output)
    assert embedding.dtype == torch.float32
    torch.testing.assert_close(embedding, TOKENS.mean(dim=1))


def test_a_batch_of_one_keeps_its_shape() -> None:
    assert to_embedding(TOKENS[:1]).shape == (1, 4)


def test_padding_does_not_count() -> None:
    padded = torch.cat([TOKENS, torch.full((2, 5, 4), 99.0)], dim=1)
    mask = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0]] * 2)
    torch.testing.assert_close(to_embedding(padded, mask), TOKENS.mean(dim=1))


@pytest.mark.parametrize("output", [None, "text", {}, {"logits": None}, (), torch.zeros(3), object()])
def test_what_is_no_embedding_is_refused(output: Any) -> None:
    with pytest.raises(EncoderError):
        to_embedding(output)


def test_masks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EncoderError, match="does not fit"):
        masked_mean(TOKENS, torch.ones(2, 4))
    with pytest.raises(EncoderError, match="without tokens"):
        masked_mean(TOKENS, torch.zeros(2, 3))


def counting(encoder: Encoder, failures: int) -> tuple[Callable[[str], Encoder], list[str]]:
    calls: list[str] = []

    def load(device: str) -> Encoder:
        calls.append(device)
        if len(calls) <= failures:
            raise OSError("the disk is gone")
        return encoder

    return load, calls


def test_an_encoder_is_loaded_once_however_many_ask(encoders: EncoderRegistry) -> None:
    load, calls = counting(encoders.get(NAMES[0]), failures=0)
    registry = EncoderRegistry({"a": load})
    barrier = threading.Barrier(4)

    def get(_: int) -> Encoder:
        barrier.wait()
        return registry.get("a")

    with ThreadPoolExecutor(4) as threads:
        assert len(set(map(id, threads.map(get, range(4))))) == 1
    assert calls == ["cpu"]


def test_a_failed_load_can_be_tried_again(encoders: EncoderRegistry) -> None:
    load, calls = counting(encoders.get(NAMES[0]), failures=1)
    registry = EncoderRegistry({"a": load})
    with pytest.raises(EncoderError, match="the disk is gone"):
        registry.get("a")
    assert registry.get("a") is encoders.get(NAMES[0])
    assert len(calls) == 2


def test_another_device_is_an_error_and_not_ignored(encoders: EncoderRegistry) -> None:
    registry = EncoderRegistry({"a": counting(encoders.get(NAMES[0]), 0)[0]})
    registry.get("a", "cpu")
    with pytest.raises(EncoderConflictError, match="cannot be had on meta"):
        registry.get("a", "meta")
    with pytest.raises(EncoderError, match="no encoder is called 'b'"):
        registry.get("b")


def test_pickled_code_in_weights_does_not_run(tmp_path: Path) -> None:
    torch.save({"weights": Path("anything")}, tmp_path / "weights.pth")
    with pytest.raises(EncoderError, match="does not hold the weights"):
        Lite0.load(weights=tmp_path / "weights.pth")


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="weights cannot be read"):
        Lite0.load(weights=tmp_path / "none.pth")
    with pytest.raises(EncoderError, match="weights cannot be read"):
        MiniLM.load(folder=tmp_path)
