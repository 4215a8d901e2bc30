"""What the scoring service begins, and what can be withdrawn from it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.items import RawItem
from tests.unit.workers.heads import METRICS, MeanLevel, write
from tests.unit.workers.samples import encoded, item
from workers.domains import Domain
from workers.encoders import EncoderError, Prepared
from workers.heads import Head
from workers.metrics import METRICS_VERSION
from workers.scorer import Scorer
from workers.service import ScoringService, ServiceError

BATCH = 4
ITEMS = 60
PICTURE = encoded(np.full((40, 50, 3), 90, dtype=np.uint8))


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


@pytest.fixture
def encoder() -> _Held:
    return _Held()


@pytest.fixture
def service(tmp_path: Path, encoder: _Held) -> ScoringService[int]:
    write(tmp_path)
    domain = Domain(encoder, Head.load(tmp_path, encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION)))
    return ScoringService(Scorer({"video-frame": domain}, batch_size=BATCH), batch_size=BATCH, linger_seconds=0.0)


def _picture() -> RawItem:
    return item(PICTURE, "video-frame", "image/png")


def _everything(service: ScoringService[int]) -> list[int]:
    """Return the tokens of all results, once the service has ended."""
    service.close(drain=True)
    return sorted(token for token, _ in service.take())


def test_what_is_not_begun_is_given_back_and_the_rest_is_answered(service: ScoringService[int], encoder: _Held) -> None:
    for token in range(ITEMS):
        service.submit(token, _picture())
    assert encoder.busy.wait(30)
    withdrawn = service.withdraw(lambda _: True)
    encoder.free.set()
    answered = _everything(service)
    assert answered == list(range(len(answered)))  # begun in their order
    assert withdrawn == list(range(len(answered), ITEMS))
    assert 0 < len(answered) <= 3 * BATCH  # a slow encoder holds back what is before it


def test_what_is_not_wanted_back_stays(service: ScoringService[int], encoder: _Held) -> None:
    for token in range(ITEMS):
        service.submit(token, _picture())
    assert encoder.busy.wait(30)
    withdrawn = service.withdraw(lambda token: token % 2 == 1)
    encoder.free.set()
    answered = _everything(service)
    assert sorted(answered + withdrawn) == list(range(ITEMS))
    assert {token % 2 for token in withdrawn} == {1}
    assert {token for token in range(ITEMS) if token % 2 == 0} <= set(answered)


def test_an_encoder_that_breaks_while_others_wait_for_it_ends_the_service(
    service: ScoringService[int], encoder: _Held
) -> None:
    for token in range(ITEMS):
        service.submit(token, _picture())
    assert encoder.busy.wait(30)
    encoder.broken = EncoderError("the device is gone")
    encoder.free.set()
    with pytest.raises(ServiceError, match="the device is gone"):
        service.close(timeout_seconds=10.0)


def test_what_is_not_begun_is_dropped_when_the_service_is_closed_without_drain(
    service: ScoringService[int], encoder: _Held
) -> None:
    for token in range(ITEMS):
        service.submit(token, _picture())
    assert encoder.busy.wait(30)
    closing = threading.Timer(0.1, encoder.free.set)
    closing.start()
    service.close(drain=False, timeout_seconds=10.0)
    assert len(service.take()) <= BATCH
