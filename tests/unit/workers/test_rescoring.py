"""Items scored again by another head: as a worker with that head would have, without decoding anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas.items import RawItem
from tests.unit.workers.heads import METRICS, MeanLevel, write
from tests.unit.workers.test_scorer import CountingDecoder, DictCache, frame
from workers.domains import Domain
from workers.entries import Entry
from workers.heads import Head
from workers.metrics import METRICS_VERSION
from workers.metrics.plugins import metric_set
from workers.rescoring import CacheAwayError, Remembered, Rescorer
from workers.results import Failed, Scored
from workers.scorer import Scorer

LEVELS = (10, 60, 120, 200, 250)


@pytest.fixture
def cache() -> DictCache:
    return DictCache()


def _scorer(folder: Path, model: str, cache: DictCache | None = None, decoder: CountingDecoder | None = None) -> Scorer:
    folder.mkdir(exist_ok=True)
    write(folder, "mlp" if model == "mlp" else "logistic")
    encoder = MeanLevel()
    head = Head.load(folder, encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION))
    return Scorer({"video-frame": Domain(encoder, head)}, cache=cache, decoder=decoder)


def _scored(scorer: Scorer, items: list[RawItem]) -> list[Scored]:
    results = [result for result in scorer.score(items) if isinstance(result, Scored)]
    assert len(results) == len(items)
    return results


def _remembered(item: RawItem, result: Scored) -> Remembered:
    envelope = item.envelope
    return Remembered(
        envelope.kind, envelope.parent_id, result.embedding, result.reasons, result.flags, dict(result.metrics)
    )


def test_another_head_gives_what_its_worker_would_have_given(tmp_path: Path, cache: DictCache) -> None:
    items = [frame(level, id=str(level), read_as=("turned_by_exif",)) for level in LEVELS]
    live = _scored(_scorer(tmp_path / "live", "logistic", cache), items)
    decoder = CountingDecoder()
    rescorer = Rescorer(_scorer(tmp_path / "other", "mlp", cache, decoder), metric_set())
    again = rescorer.from_cache([_remembered(one, result) for one, result in zip(items, live, strict=True)])
    assert decoder.calls == 0
    wanted = _scored(_scorer(tmp_path / "other", "mlp"), items)
    assert [replace(one, cached=False) if isinstance(one, Scored) else one for one in again] == wanted
    assert [one.score for one in wanted] != [one.score for one in live]


def test_bytes_and_cache_give_the_same(tmp_path: Path, cache: DictCache) -> None:
    items = [frame(level, id=str(level)) for level in LEVELS]
    live = _scored(_scorer(tmp_path / "live", "logistic", cache), items)
    known = [_remembered(one, result) for one, result in zip(items, live, strict=True)]
    cached = Rescorer(_scorer(tmp_path / "other", "mlp", cache), metric_set()).from_cache(known)
    empty = Rescorer(_scorer(tmp_path / "other", "mlp", DictCache()), metric_set())
    assert empty.from_cache(known) == [None] * len(items)
    fresh = empty.afresh(list(zip(items, known, strict=True)))
    assert [replace(one, cached=True) if isinstance(one, Scored) else one for one in fresh] == cached
    assert empty.from_cache(known) == cached  # what was embedded is kept


def test_what_a_record_tells_beside_the_head_stays_and_its_heads_codes_go(tmp_path: Path, cache: DictCache) -> None:
    item = frame(250)
    (live,) = _scored(_scorer(tmp_path, "logistic", cache), [item])
    told = replace(
        _remembered(item, live),
        reasons=("turned_by_exif", "frozen_frame", "secret", "noisy", "learnt_defect"),
        flags=("secret",),
        metrics={**live.metrics, "frame_difference": 0.5, "brightness": 9.0},
    )
    rescorer = Rescorer(_scorer(tmp_path, "logistic", cache), metric_set(), frozenset({"learnt_defect"}))
    (found,) = rescorer.from_cache([told])
    assert isinstance(found, Scored)
    assert found.reasons[:3] == ("turned_by_exif", "frozen_frame", "secret")
    assert not {"noisy", "learnt_defect"} & set(found.reasons) - set(live.reasons)
    assert found.flags == ("secret",)
    assert found.metrics == {**live.metrics, "frame_difference": 0.5}


def test_an_entry_that_cannot_be_used_is_a_miss_and_one_without_a_metric_a_failure(
    tmp_path: Path, cache: DictCache
) -> None:
    rescorer = Rescorer(_scorer(tmp_path, "logistic", cache), metric_set())
    short = Entry(np.zeros(1, np.float32), dict.fromkeys(METRICS, 0.5))
    bare = Entry(np.zeros(rescorer.scorer.domains["video-frame"].encoder.dimension, np.float32), {})
    cache.put_many({"short": short, "bare": bare})
    found = rescorer.from_cache([Remembered("video-frame", "clip", key) for key in ("short", "bare", "none")])
    assert found[0] is None
    assert isinstance(found[1], Failed)
    assert found[1].cause == "metric_failed"
    assert found[2] is None


def test_a_cache_that_is_away_is_no_reason_to_embed_everything(tmp_path: Path, cache: DictCache) -> None:
    rescorer = Rescorer(_scorer(tmp_path, "logistic", cache), metric_set())

    def away(keys: list[str]) -> list[None]:
        cache.counts.errors += 1
        return [None] * len(keys)

    cache.get_many = away  # type: ignore[assignment,method-assign]
    with pytest.raises(CacheAwayError):
        rescorer.from_cache([Remembered("video-frame", "clip", "key")])


def test_embeddings_of_another_encoder_are_told_by_their_key(tmp_path: Path, cache: DictCache) -> None:
    item = frame(60)
    scorer = _scorer(tmp_path, "logistic", cache)
    (live,) = _scored(scorer, [item])
    rescorer = Rescorer(scorer, metric_set())
    assert rescorer.fits(item, live.embedding)
    assert rescorer.fits(item, "sluice:embedding:of-another-encoder") is False
    claim = RawItem(item.envelope.model_copy(update={"data_ref": "file:///elsewhere"}), b"")
    assert rescorer.fits(claim, live.embedding) is None
