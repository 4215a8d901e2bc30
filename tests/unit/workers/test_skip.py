"""Items of parents that are decided are answered without being scored."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.brokers.waiting import wait_until
from schemas.items import RawItem
from tests.unit.workers.heads import METRICS, MeanLevel, write
from tests.unit.workers.samples import encoded, item
from workers.decode import InlineDecoder
from workers.domains import Domain
from workers.encoders import Prepared
from workers.heads import Head
from workers.media import Medium
from workers.metrics import METRICS_VERSION
from workers.results import Scored, Skipped
from workers.scorer import Scorer
from workers.service import ScoringService

BATCH = 4
PICTURE = encoded(np.full((40, 50, 3), 90, dtype=np.uint8))
SKIPPED = Skipped("decided_early")
BEGUN = 3 * BATCH  # items that a slow encoder lets be begun


class _Held(MeanLevel):
    """An encoder that gets on with its work only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = threading.Event()
        self.free = threading.Event()

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        self.busy.set()
        assert self.free.wait(30)
        return super().embed(batch)


class _Decoder:
    """Notes whose items are decoded."""

    def __init__(self) -> None:
        self.parents: list[str] = []

    def decode(self, raw: RawItem) -> Medium:
        self.parents.append(raw.envelope.parent_id)
        return InlineDecoder().decode(raw)


@pytest.fixture
def encoder() -> _Held:
    return _Held()


@pytest.fixture
def decoder() -> _Decoder:
    return _Decoder()


@pytest.fixture
def scorer(tmp_path: Path, encoder: _Held, decoder: _Decoder) -> Scorer:
    write(tmp_path)
    domain = Domain(encoder, Head.load(tmp_path, encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION)))
    return Scorer({"video-frame": domain}, decoder=decoder, batch_size=BATCH)


def _submit(service: ScoringService[str], parent: str, items: int) -> None:
    for index in range(items):
        picture = item(PICTURE, "video-frame", "image/png", parent_id=parent, index=index)
        service.submit(f"{parent}/{index}", picture)


def _everything(service: ScoringService[str]) -> dict[str, object]:
    service.close(drain=True)
    return dict(service.take())


def test_items_of_a_decided_parent_reach_neither_decoder_nor_encoder(
    scorer: Scorer, encoder: _Held, decoder: _Decoder
) -> None:
    service: ScoringService[str] = ScoringService(scorer, batch_size=BATCH, linger_seconds=0.0, decided={"bad"})
    encoder.free.set()
    for parent in ("bad", "good", "bad"):
        _submit(service, parent, 5)
    results = _everything(service)
    assert len(results) == 10  # as many as there are tokens
    assert {token for token, result in results.items() if result == SKIPPED} == {f"bad/{n}" for n in range(5)}
    assert all(isinstance(results[f"good/{index}"], Scored) for index in range(5))
    assert decoder.parents == ["good"] * 5
    assert scorer.counts.snapshot()["skipped"] == 10
    assert scorer.counts["encoder_calls"] == 5


def test_a_parent_that_is_decided_while_its_items_wait_costs_only_the_batch_in_the_encoder(
    scorer: Scorer, encoder: _Held, decoder: _Decoder
) -> None:
    decided: set[str] = set()
    service: ScoringService[str] = ScoringService(scorer, batch_size=BATCH, linger_seconds=0.0, decided=decided)
    _submit(service, "bad", 40)
    assert encoder.busy.wait(30)
    decided.add("bad")
    encoder.free.set()
    results = _everything(service)
    assert len(results) == 40
    scored = [token for token, result in results.items() if isinstance(result, Scored)]
    assert 1 <= len(scored) <= BATCH  # what the encoder had; what was decoded meanwhile it never gets
    assert scorer.counts["encoder_calls"] == len(scored)
    assert sum(result == SKIPPED for result in results.values()) == 40 - len(scored)
    assert len(decoder.parents) < 40


def test_whoever_forgets_a_parent_has_its_items_scored_again(scorer: Scorer, encoder: _Held) -> None:
    decided = {"bad"}
    service: ScoringService[str] = ScoringService(scorer, batch_size=BATCH, linger_seconds=0.0, decided=decided)
    encoder.free.set()
    _submit(service, "bad", 1)
    assert service.take(timeout_seconds=30.0) == [("bad/0", SKIPPED)]
    decided.clear()
    _submit(service, "bad", 1)
    assert all(isinstance(result, Scored) for result in _everything(service).values())


def test_from_the_first_early_decision_on_parents_take_turns(scorer: Scorer, encoder: _Held, decoder: _Decoder) -> None:
    service: ScoringService[str] = ScoringService(scorer, batch_size=BATCH, linger_seconds=0.0, decided={"elsewhere"})
    _submit(service, "first", 40)
    assert encoder.busy.wait(30)
    assert wait_until(lambda: len(decoder.parents) == BEGUN, timeout_s=30)  # no more is begun for now
    _submit(service, "a", 10)
    _submit(service, "b", 10)
    encoder.free.set()
    results = _everything(service)
    assert all(isinstance(result, Scored) for result in results.values())
    assert len(results) == 60
    begun = decoder.parents[BEGUN:]
    assert [parent for parent in begun if parent != "first"] == ["a", "b"] * 10
    assert begun[:20].count("first") >= 6  # its turn comes too
