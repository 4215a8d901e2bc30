from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from schemas.heads import Encoding
from tests.bench import quality_perplexity, quality_tables, quality_trial
from tests.bench.quality_cache import Remembering
from tests.bench.quality_calibration import ITEMS, PREVALENCE, Judged, bad_items, calibrate
from tests.bench.quality_material import Material
from tests.bench.quality_phantoms import phantom
from tests.bench.quality_recipes import Scorer, embedding_alone, fused, guide, metrics_alone
from tests.bench.quality_run import BUNDLED, METRICS, Hard, Job, planned
from tests.bench.quality_trial import FAMILIES, good, held_out, left_out, nested, sources, splits
from workers.damage import CHUNK_DAMAGES, PICTURE_DAMAGES, SLICE_DAMAGES
from workers.encoders import Prepared
from workers.media import Chunk, Medium, Slice
from workers.metrics import family
from workers.training.dataset import Amounts, Label, Rows
from workers.training.fit import Recipe
from workers.training.parts import Part
from workers.training.statistics import ece, prevalence_weights

RECIPE = Recipe(components=2, epochs=2)
DAMAGES = ("gaussian_blur", "gaussian_noise")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Hold the libraries to one thread: the matrices here are tiny, and threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


def rows(count: int = 240) -> Rows:
    """Return rows of 12 sources whose first metric tells blur, and whose second tells noise."""
    rng = np.random.default_rng(3)
    severities = rng.integers(0, 3, count)
    names = [DAMAGES[place % 2] if own else "" for place, own in enumerate(severities)]
    metrics = rng.normal(0, 0.2, (count, 3))
    for column, name in enumerate(DAMAGES):
        metrics[:, column] += 3.0 * np.array([name == own for own in names])
    labels = tuple(
        Label(f"source {place % 12}", name, int(own))
        for place, (name, own) in enumerate(zip(names, severities, strict=True))
    )
    return Rows(rng.normal(size=(count, 6)).astype(np.float32), metrics, labels)


class Watched:
    """A method that scores nothing, and remembers what it was trained on and asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[Rows, Rows]] = []

    def __call__(self, train: Rows, _seed: int) -> Scorer:
        def score(unseen: Rows) -> NDArray[np.float64]:
            self.calls.append((train, unseen))
            return np.zeros(len(unseen))

        return score


def test_folds_share_no_source_and_test_every_row_once() -> None:
    names = sources(rows())
    tested = np.zeros(len(names), dtype=int)
    for seen, unseen in splits(names, 5):
        assert not set(names[seen]) & set(names[unseen])
        tested += unseen
    assert (tested == 1).all()


def test_a_scorer_never_sees_the_sources_it_is_tested_on() -> None:
    watched = Watched()
    held_out(rows(), watched, 0)
    assert len(watched.calls) == 5
    assert all(not set(sources(train)) & set(sources(unseen)) for train, unseen in watched.calls)


def test_a_family_left_out_is_not_trained_on_and_alone_tested() -> None:
    watched = Watched()
    tested, logits = left_out(rows(), ("gaussian_noise",), [watched] * 5, 0)
    assert {label.damage for label in tested.labels} == {"", "gaussian_noise"}
    assert len(tested) == len(logits)
    for train, unseen in watched.calls:
        assert {label.damage for label in train.labels} == {"", "gaussian_blur"}
        assert not set(sources(train)) & set(sources(unseen))


def test_inner_folds_leave_the_tested_sources_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_trial, "MODELS", ("logistic",))
    every = rows()
    found = nested(every, RECIPE, 0, lambda: None)
    assert [fold.inner.size + fold.outer.size for fold in found] == [len(every)] * 5
    assert all(not set(sources(every)[fold.seen]) & set(sources(every)[fold.unseen]) for fold in found)


@pytest.mark.parametrize(
    ("own", "damages"), [("picture", PICTURE_DAMAGES), ("slice", SLICE_DAMAGES), ("chunk", CHUNK_DAMAGES)]
)
def test_every_damage_is_of_one_family(own: str, damages: dict[str, object]) -> None:
    members = [name for names in FAMILIES[own].values() for name in names]  # type: ignore[index]
    assert sorted(members) == sorted(damages)


def test_what_is_left_out_of_a_recipe_does_not_count() -> None:
    every = rows()
    noise = Rows(every.embeddings[::-1].copy(), every.metrics, every.labels)
    other = Rows(every.embeddings, every.metrics[::-1].copy(), every.labels)
    alone = metrics_alone("logistic", RECIPE)(every, 0)
    assert np.allclose(alone(every), alone(noise))
    embedding = embedding_alone("logistic", RECIPE)(every, 0)
    assert np.allclose(embedding(every), embedding(other))
    both = fused("logistic", RECIPE)(every, 0)
    assert not np.allclose(both(every), both(noise))
    assert not np.allclose(both(every), both(other))


def test_the_guide_looks_at_the_last_layer_alone() -> None:
    rng = np.random.default_rng(0)
    every = rows()
    every = every.take(np.arange(len(every)) < 64)
    wide = Rows(rng.normal(size=(len(every), 768)).astype(np.float32), every.metrics, every.labels)
    changed = Rows(wide.embeddings.copy(), wide.metrics, wide.labels)
    changed.embeddings[:, :384] = 0.0
    scorer = guide("all-minilm-l6-v2")(wide, 0)
    assert np.allclose(scorer(wide), scorer(changed))


def test_calibration_brings_scores_to_the_stated_prevalence() -> None:
    rng = np.random.default_rng(0)
    for count in (600, 3000):
        truth = (rng.random(count) < 0.5).astype(np.float64)
        logits = 3.0 * truth + rng.normal(0, 2, count)
        found = calibrate(truth, logits, logits)
        weights = prevalence_weights(truth, PREVALENCE)
        assert ece(truth, found, weights) < 0.04
        assert np.average(found, weights=weights) == pytest.approx(PREVALENCE, abs=0.02)


def test_a_good_parent_has_nine_good_items_in_ten() -> None:
    rng = np.random.default_rng(0)
    assert max(bad_items(rng, wanted=True) for _ in range(200)) <= 0.1 * ITEMS
    assert min(bad_items(rng, wanted=False) for _ in range(200)) > 0.1 * ITEMS


def test_a_goal_missed_is_said_to_be_missed_and_few_sources_give_no_interval() -> None:
    every = rows()
    logits = -good(every)  # as wrong as can be
    figure = quality_tables.headline("video-frame", every, logits, "a recipe", 0.9)[0]
    assert figure.met is False
    assert figure.value == 0.0
    assert "12 sources" in figure.reference
    few = every.take(np.array([label.part in {"source 1", "source 2"} for label in every.labels]))
    alone = quality_tables.headline("video-frame", few, -logits[: len(few)], "a recipe", None)[0]
    assert alone.reference == "2 sources, too few for an interval"


def test_no_figure_of_few_sources_has_an_interval() -> None:
    rng = np.random.default_rng(0)
    for count, said in ((9, "9 sources, too few for an interval"), (10, " to ")):
        truth = np.tile([0.0, 1.0], 5 * count)
        scores = rng.random(len(truth))
        groups = np.repeat([f"source {place}" for place in range(count)], 10)
        calibration = quality_tables.calibrated("calibration", Judged(truth, scores, scores, groups))
        hard = Hard(tuple(groups.tolist()), {BUNDLED: scores, METRICS: scores})
        share = quality_tables.rejected("video-frame", "night", hard)
        assert all(said in figure.reference for figure in (calibration, share))
        assert share.value == (scores < quality_tables.LOW).mean()


def test_nothing_is_embedded_twice_over_runs_too(tmp_path: Path) -> None:
    media = [phantom(1, 2)[1][place] for place in (0, 1, 0)]
    for calls in (2, 0):
        encoder = Remembering(Summing(), tmp_path)
        found = encoder.embed([encoder.prepare(medium) for medium in media])
        encoder.close()
        assert encoder.calls == calls
        assert np.array_equal(found[0], found[2])
        assert not np.array_equal(found[0], found[1])


class Summing:
    """An encoder of two numbers."""

    name = "summing"
    dimension = 2
    encoding = Encoding(
        name="summing", weights_sha256="0" * 64, preprocessing="none", layers=["all"], pooling="sum", dimension=2
    )
    digest = encoding.digest()

    def prepare(self, medium: Medium) -> Prepared:
        assert isinstance(medium, Slice)
        assert family(medium) == "slice"
        return np.asarray(medium.intensity * 255, dtype=np.uint8)

    def bucket(self, prepared: Prepared) -> tuple[int, ...]:
        return prepared.shape

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        return np.array([[item.sum(), item.std()] for item in batch], dtype=np.float32)


def test_perplexity_stands_beside_the_same_sources_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def surprises(chunk: Chunk) -> NDArray[np.float64]:
        asked.append(chunk.text)
        return np.full(20, 6.0 if len(chunk.text.split()) < 12 else 3.0)

    monkeypatch.setattr(quality_perplexity, "surprises", surprises)
    monkeypatch.setattr(quality_trial, "MODELS", ("logistic",))
    monkeypatch.setattr(quality_perplexity, "MODELS", ("logistic",))
    text = "The cat sat on the mat, and the dog lay by the door. It rained all day, so nobody went out of the house."
    parts = tuple(Part(f"text {place}", "", "train", "0" * 64, (Chunk(f"{place}. {text}"),)) for place in range(8))
    made = Material("document-chunk", "chunk", "all-minilm-l6-v2", lambda medium, _rng: medium, parts, {})
    job = Job(made, Amounts(media=1, variants=1, clean=3, copies=1), RECIPE, 0, lambda *_: None)
    labels, media = zip(*planned(job, parts), strict=True)
    rng = np.random.default_rng(0)
    every = Rows(rng.normal(size=(len(media), 4)).astype(np.float32), rng.normal(size=(len(media), 2)), labels)
    found = {figure.what: figure for figure in quality_perplexity.figures(job, every, 6, tmp_path)}
    with_it = next(figure for what, figure in found.items() if "the bundled recipe" in what)
    assert with_it.goal == ">= 0.99"
    assert with_it.reference.startswith("6 sources")
    before = len(asked)
    assert before <= 6 * 8
    quality_perplexity.figures(job, every, 6, tmp_path)
    assert len(asked) == before  # remembered
