"""Canaries for a small encoder, and a watched service that scores with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from schemas.canaries import Canary, CanaryRecord
from schemas.items import RawItem, content_hash
from tests.unit.workers.heads import METRICS, MeanLevel, write
from tests.unit.workers.samples import encoded, item
from workers.cache import Cache
from workers.domains import Domain
from workers.encoders import Prepared
from workers.heads import Head
from workers.metrics import METRICS_VERSION
from workers.results import Result, Scored
from workers.scorer import Scorer
from workers.service import ScoringService
from workers.watch.rounds import Plan, Probe
from workers.watch.service import Live, WatchedService
from workers.watch.store import CanarySet, item_of

KIND = "video-frame"
SECONDS = 30.0
_LEVELS = range(10, 90, 10)


def picture(level: int, name: str = "") -> RawItem:
    """Return an item of one colour; its parent is its name."""
    return item(encoded(np.full((24, 24, 3), level, dtype=np.uint8)), KIND, "image/png", parent_id=name or f"p{level}")


def domain_in(folder: Path, encoder: MeanLevel) -> Domain:
    write(folder)
    return Domain(encoder, Head.load(folder, encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION)))


def canaries_of(domain: Domain, epsilon: float = 0.001) -> CanarySet:
    """Return canaries of eight levels, the four with the higher scores called good."""
    scorer = Scorer({KIND: domain})
    values = [encoded(np.full((24, 24, 3), level, dtype=np.uint8)) for level in _LEVELS]
    blank = [_canary(place, value, 0.0, good=False) for place, value in enumerate(values)]
    results = scorer.score([item_of(KIND, one, value) for one, value in zip(blank, values, strict=True)])
    scores = [result.score for result in results if isinstance(result, Scored)]
    middle = float(np.median(scores))
    scored = [
        _canary(place, value, score, good=score > middle)
        for place, (value, score) in enumerate(zip(values, scores, strict=True))
    ]
    record = CanaryRecord(
        kind=KIND,
        scorer=domain.head.scorer_digest,
        encoder=domain.encoder.digest,
        epsilon=epsilon,
        norm_low=1.0,
        norm_high=1000.0,
        canaries=scored,
    )
    return CanarySet(record, tuple(item_of(KIND, one, value) for one, value in zip(scored, values, strict=True)))


def _canary(place: int, value: bytes, score: float, *, good: bool) -> Canary:
    return Canary(
        name=f"{place}.png",
        pair=place // 2,
        good=good,
        content_type="image/png",
        sha256=content_hash(value),
        source="test",
        licence="none",
        score=score,
    )


class Wrong(MeanLevel):
    """An encoder that can be made wrong after it was loaded: its numbers are doubled and turned round."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong = False

    def embed(self, batch: list[Prepared]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:  # type: ignore[override]
        rows = super().embed(batch)
        return np.ascontiguousarray(255.0 - 3.0 * rows) if self.wrong else rows


@dataclass
class Watched:
    """A watched service, its parts, and what it told."""

    folder: Path
    plan: Plan = field(default_factory=Plan)
    cache: Cache | None = None
    mend: bool = True  # whether a repair helps
    watched: bool = True  # whether there are canaries

    def __post_init__(self) -> None:
        self.encoder = Wrong()
        self.domain = domain_in(self.folder, self.encoder)
        self.canaries = canaries_of(self.domain)
        self.scorer = Scorer({KIND: self.domain}, cache=self.cache, batch_size=4)
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.repairs = 0
        inner: ScoringService[Live[int] | Probe] = ScoringService(self.scorer, batch_size=4, linger_seconds=0.0)
        sets = {KIND: self.canaries} if self.watched else {}
        self.service: WatchedService[int] = WatchedService(
            inner, self.scorer, sets, self.plan, repair=self._repair, tell=self._tell
        )

    def _tell(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    def _repair(self) -> Mapping[str, CanarySet]:
        self.repairs += 1
        if self.mend:
            self.encoder.wrong = False
        return {KIND: self.canaries}

    def told(self) -> list[str]:
        return [event for event, _ in self.events]

    def until(self, condition: Callable[[], bool]) -> list[tuple[int, Result]]:
        """Take results until a condition holds, and return them."""
        found: list[tuple[int, Result]] = []
        pause, deadline = threading.Event(), time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, (self.service.status, self.events)
            found += self.service.take()
            pause.wait(0.002)
        return found

    def take(self, wanted: int) -> list[tuple[int, Result]]:
        """Wait for so many results."""
        found: list[tuple[int, Result]] = []
        pause, deadline = threading.Event(), time.monotonic() + SECONDS
        while len(found) < wanted:
            assert time.monotonic() < deadline, (self.service.status, self.events)
            found += self.service.take()
            pause.wait(0.002)
        return found
