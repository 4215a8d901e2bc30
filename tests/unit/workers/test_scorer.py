from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas.items import RawItem
from tests.unit.workers.heads import METRICS, MeanLevel, write
from tests.unit.workers.samples import encoded, item
from workers.cache import CacheCounts
from workers.decode import InlineDecoder
from workers.domains import Domain
from workers.encoders import EncoderError
from workers.entries import Entry, pack, unpack
from workers.heads import Head
from workers.media import Medium
from workers.metrics import METRICS_VERSION, STANDARD, MetricSet
from workers.results import Failed, Scored, Skipped
from workers.scorer import Scorer
from workers.service import ScoringService, ServiceError


class DictCache:
    """A cache in memory that keeps entries as the bytes that Redis would."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.counts = CacheCounts()

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        return [unpack(self.values[key]) if key in self.values else None for key in keys]

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        self.values |= {key: pack(entry) for key, entry in entries.items()}


class CountingDecoder:
    def __init__(self) -> None:
        self.calls = 0

    def decode(self, raw: RawItem) -> Medium:
        self.calls += 1
        return InlineDecoder().decode(raw)


def frame(level: int, **more: object) -> RawItem:
    pixels = np.random.default_rng(level).integers(0, 9, (40, 50, 3)).astype(np.uint8)
    pixels += np.uint8(level - round(float(pixels[..., 0].mean())))
    return item(encoded(pixels), "video-frame", "image/png", **more)


@pytest.fixture
def encoder() -> MeanLevel:
    return MeanLevel()


@pytest.fixture
def domain(tmp_path: Path, encoder: MeanLevel) -> Domain:
    write(tmp_path)
    return Domain(encoder, Head.load(tmp_path, encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION)))


@pytest.fixture
def scorer(domain: Domain) -> Scorer:
    return Scorer({"video-frame": domain}, batch_size=4)


def scored(result: object) -> Scored:
    assert isinstance(result, Scored), result
    return result


def test_each_item_gets_its_answer_in_order(scorer: Scorer) -> None:
    items = [
        frame(40),
        item(b"", "video-frame", empty=True),
        item(b"x", "hologram"),
        item(b"\0no picture", "video-frame", "image/png"),
        frame(90),
    ]
    results = scorer.score(items)
    assert 0 <= scored(results[0]).score <= 1
    assert results[1] == Skipped("empty")
    assert isinstance(results[2], Failed)
    assert results[2].cause == "unknown_kind"
    assert isinstance(results[3], Failed)
    assert results[3].cause == "corrupt"
    assert scored(results[4]).score != scored(results[0]).score
    assert scorer.counts.snapshot() == {
        "batches": 1,
        "cache_misses": 3,
        "decoded": 2,
        "encoder_calls": 2,
        "failed": 2,
        "failed/corrupt": 1,
        "failed/unknown_kind": 1,
        "scored": 2,
        "skipped": 1,
    }


def test_how_an_item_was_read_is_told_from_the_cache_as_well(domain: Domain) -> None:
    scorer = Scorer({"video-frame": domain}, cache=DictCache())
    pixels = np.full((40, 50, 4), 90, dtype=np.uint8)
    sent = {read_as: item(encoded(pixels), "video-frame", read_as=read_as) for read_as in ("deinterlaced,square", "")}
    fresh, other, again = (
        scored(scorer.score([sent[key]])[0]) for key in ("deinterlaced,square", "", "deinterlaced,square")
    )
    assert (fresh.cached, other.cached, again.cached) == (False, True, True)
    assert fresh.reasons[:3] == ("deinterlaced", "square", "flattened_on_white")
    assert again.reasons == fresh.reasons
    assert other.reasons == fresh.reasons[2:]  # the same bytes, of which its producer said nothing


def test_no_items_no_results(scorer: Scorer) -> None:
    assert scorer.score([]) == []


def test_the_score_does_not_depend_on_the_batch(scorer: Scorer) -> None:
    items = [frame(level) for level in range(20, 120, 10)]
    together = [scored(result).score for result in scorer.score(items)]
    alone = [scored(scorer.score([one])[0]).score for one in items]
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_a_warm_run_neither_decodes_nor_embeds(domain: Domain, encoder: MeanLevel) -> None:
    decoder = CountingDecoder()
    scorer = Scorer({"video-frame": domain}, cache=DictCache(), decoder=decoder)
    items = [frame(level) for level in (30, 60, 90)]
    cold = [scored(result) for result in scorer.score(items)]
    assert decoder.calls == 3
    warm = [scored(result) for result in scorer.score(items)]
    assert decoder.calls == 3
    assert encoder.batches == [3]
    assert [one.cached for one in cold + warm] == [False] * 3 + [True] * 3
    assert [(one.score, one.metrics, one.reasons, one.embedding) for one in cold] == [
        (one.score, one.metrics, one.reasons, one.embedding) for one in warm
    ]
    assert scorer.counts["cache_hits"] == scorer.counts["cache_misses"] == 3


def test_a_poison_item_fails_alone(scorer: Scorer, encoder: MeanLevel) -> None:
    encoder.poison = {60}
    results = scorer.score([frame(level) for level in (30, 45, 60, 75)])
    assert [type(result) for result in results] == [Scored, Scored, Failed, Scored]
    assert results[2] == Failed("scoring_error", "RuntimeError: poison")
    assert scorer.counts["bisections"] == 2


def test_a_broken_encoder_stops_the_worker_and_blames_no_item(scorer: Scorer, encoder: MeanLevel) -> None:
    encoder.broken = RuntimeError("the device is gone")
    with pytest.raises(RuntimeError, match="the device is gone"):
        scorer.score([frame(30), frame(40)])
    encoder.broken = EncoderError("network is in training mode")
    with pytest.raises(EncoderError, match="training mode"):
        scorer.warm_up()
    assert scorer.counts["failed"] == 0


def test_nan_is_an_error_and_is_not_cached(domain: Domain, encoder: MeanLevel) -> None:
    cache = DictCache()
    encoder.nan = {60}
    results = Scorer({"video-frame": domain}, cache=cache).score([frame(30), frame(60)])
    assert isinstance(results[1], Failed)
    assert results[1].cause == "non_finite"
    assert list(cache.values) == [scored(results[0]).embedding]


def test_a_metric_that_fails_fails_an_item_whose_head_needs_it(domain: Domain) -> None:
    dim = replace(STANDARD.metrics[0], high=0.2)
    scorer = Scorer({"video-frame": domain}, metrics=MetricSet([dim, *STANDARD.metrics[1:]]))
    results = scorer.score([frame(30), frame(90)])
    assert isinstance(results[0], Scored)
    assert results[1] == Failed("metric_failed", "the head needs brightness, which failed for this item")
    assert scorer.counts["metric_failed/brightness"] == 1


def test_an_entry_of_another_length_is_not_used(domain: Domain) -> None:
    cache = DictCache()
    scorer = Scorer({"video-frame": domain}, cache=cache)
    key = scored(scorer.score([frame(30)])[0]).embedding
    cache.put_many({key: Entry(np.zeros(2, np.float32), {}, ())})
    assert not scored(scorer.score([frame(30)])[0]).cached


def take_all(service: ScoringService[int], count: int) -> dict[int, object]:
    found: dict[int, object] = {}
    while len(found) < count:
        found |= dict(service.take(5.0))
    return found


def test_the_service_answers_every_token_as_the_scorer_does(scorer: Scorer) -> None:
    items = [frame(level) for level in range(20, 120, 7)] + [item(b"x", "hologram")]
    service: ScoringService[int] = ScoringService(scorer, batch_size=4, linger_seconds=0.01)
    for token, one in enumerate(items):
        service.submit(token, one)
    found = take_all(service, len(items))
    service.close()
    assert found == dict(enumerate(scorer.score(items)))
    with pytest.raises(ServiceError, match="closed"):
        service.submit(0, items[0])


def test_closing_with_drain_finishes_what_was_submitted(scorer: Scorer) -> None:
    service: ScoringService[int] = ScoringService(scorer, batch_size=64, linger_seconds=30.0)
    for token in range(10):
        service.submit(token, frame(30 + token))
    service.close(drain=True)
    assert {token for token, _ in service.take()} == set(range(10))


def test_closing_without_drain_ends_at_once(scorer: Scorer) -> None:
    service: ScoringService[int] = ScoringService(scorer, batch_size=64, linger_seconds=30.0)
    service.submit(0, frame(30))
    service.close(drain=False, timeout_seconds=5.0)
    assert service.take() == []


def test_a_failure_in_a_thread_surfaces(scorer: Scorer, encoder: MeanLevel) -> None:
    encoder.broken = EncoderError("network is in training mode")
    service: ScoringService[int] = ScoringService(scorer, linger_seconds=0.0)
    service.submit(0, frame(30))
    with pytest.raises(ServiceError, match="training mode"):
        take_all(service, 1)
    with pytest.raises(ServiceError, match="training mode"):
        service.submit(1, frame(30))
    with pytest.raises(ServiceError, match="training mode"):
        service.close()
