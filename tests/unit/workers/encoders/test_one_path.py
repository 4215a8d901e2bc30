"""Seed fault 17: training sees the embeddings that serving makes, by whichever way items come to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from schemas.encoders import Layer
from schemas.items import RawItem
from tests.unit.workers.encoders.seeded import WEIGHTS, picture_manifest, place, shared_weights
from tests.unit.workers.samples import encoded, item
from workers.cache import NullCache
from workers.decode import InlineDecoder
from workers.domains import Domain
from workers.encoders import Encoder, EncoderRegistry
from workers.entries import Entry
from workers.results import Scored
from workers.scorer import Scorer
from workers.training.dataset import Collector, Label
from workers.training.featuring import Featurer, KeepingCache, _weightless

ARCHITECTURE = "dinov2-vit-s14-reg4"
EPSILON = 2e-5
TEXTS = ("One line.", "A quick brown fox jumps over the lazy dog. " * 9, "Another line, and a half.")


def _pictures() -> list[RawItem]:
    rng = np.random.default_rng(5)
    sides = ((64, 80), (90, 60), (120, 120))
    return [item(encoded(rng.integers(0, 256, (*side, 3), dtype=np.uint8)), "image", "image/png") for side in sides]


def _added(factory: pytest.TempPathFactory) -> Encoder:
    path, sha256 = shared_weights(ARCHITECTURE, factory)
    files = factory.mktemp("files")
    (files / WEIGHTS).symlink_to(path)
    layers = (Layer(name="early", pooling="mean+std"), Layer(name="last", pooling="cls"))
    manifest = picture_manifest("added", ARCHITECTURE, weights_sha256=sha256, layers=layers, size=56)
    return EncoderRegistry.of(place(factory.mktemp("encoders"), manifest, files).parent).get("added")


@pytest.mark.parametrize("kind", ["image", "document-chunk"])
def test_features_and_served_embeddings_are_the_same(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if kind == "image":
        encoder, items = _added(tmp_path_factory), _pictures()
    else:
        encoder = EncoderRegistry().get("all-minilm-l6-v2")
        items = [item(text.encode(), kind, "text/plain") for text in TEXTS]
    trained = Featurer(lambda _kind: encoder).features(kind, items)
    served = _served(encoder, kind, [items])
    assert [one[0] for one in trained if isinstance(one, tuple)] == [key for key, _ in served]
    for one, (_, entry) in zip(trained, served, strict=True):
        assert isinstance(one, tuple)
        assert one[1].embedding.tobytes() == entry.embedding.tobytes()
    from_damages = _collected(encoder, kind, items)
    apart = _served(encoder, kind, [items[:1], items[1:]])  # as other batches bring them
    bound = EPSILON * max(np.abs(entry.embedding).max() for _, entry in served)
    for row, (_, whole), (_, alone) in zip(from_damages, served, apart, strict=True):
        np.testing.assert_allclose(row, whole.embedding, rtol=0, atol=bound)
        np.testing.assert_allclose(alone.embedding, whole.embedding, rtol=0, atol=bound)


def _served(encoder: Encoder, kind: str, batches: list[list[RawItem]]) -> list[tuple[str, Entry]]:
    cache = KeepingCache(NullCache())
    scorer = Scorer({kind: Domain(encoder, _weightless(kind, encoder.encoding))}, cache=cache)
    results = [result for batch in batches for result in scorer.score(batch)]
    keys = [result.embedding for result in results if isinstance(result, Scored)]
    assert len(keys) == len(results)
    return [(key, cache.entries[key]) for key in keys]


def _collected(encoder: Encoder, kind: str, items: list[RawItem]) -> Any:
    media = [InlineDecoder().decode(one) for one in items]
    labels = [Label("part", "", 0)] * len(media)
    family: Any = "chunk" if kind == "document-chunk" else "picture"
    return Collector(encoder, family).collect(zip(labels, media, strict=True), lambda _done: None).embeddings
