"""The metrics of `sluice score`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence, Sized
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from deploy.metrics.base import counter, counters, gauge
from schemas.items import RawItem
from schemas.scores import ItemFailed, ItemRuled, ItemScored
from streams.atleastonce import ScoreLoop
from streams.work import Answer, ItemWorker, Plain, Shadowed, Ticket
from workers.cache import RedisCache
from workers.scorer import Scorer

OTHER: Final = "other"  # the label of all kinds that no head is for: a producer may invent as many as it likes


class AnswerCounter:
    """A worker whose answers are counted by kind, outcome and cause."""

    def __init__(self, worker: ItemWorker, kinds: Collection[str]) -> None:
        """Wrap a worker that has heads for these kinds."""
        self._worker = worker
        self._kinds = frozenset(kinds)
        self._outcomes: Counter[tuple[str, ...]] = Counter()
        self._causes: Counter[tuple[str, ...]] = Counter()
        self._skips: Counter[tuple[str, ...]] = Counter()
        self._rules: Counter[tuple[str, ...]] = Counter()
        self._shadows: Counter[tuple[str, ...]] = Counter()

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        """Pass an item on."""
        self._worker.submit(ticket, item)

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        """Pass the answers on."""
        answers = self._worker.finished()
        for _, answer in answers:
            if isinstance(answer, Shadowed):
                self._count_shadows(answer)
            self._count(answer.live if isinstance(answer, Shadowed) else answer)
        return answers

    def withdraw(self, wanted: Callable[[Ticket], bool]) -> Sequence[Ticket]:
        """Pass on what is taken back."""
        return self._worker.withdraw(wanted)

    def _count_shadows(self, answer: Shadowed) -> None:
        for name, one in answer.shadows.items():
            self._shadows[name, "scored" if isinstance(one, ItemScored) else "failed"] += 1

    def _count(self, answer: Plain) -> None:
        kind = answer.kind if answer.kind in self._kinds else OTHER
        if isinstance(answer, ItemScored):
            self._outcomes[kind, "scored"] += 1
        elif isinstance(answer, ItemFailed):
            self._outcomes[kind, "failed"] += 1
            self._causes[(answer.cause,)] += 1
        elif isinstance(answer, ItemRuled):
            self._outcomes[kind, "ruled"] += 1
            self._rules[(answer.rule,)] += 1
        else:
            self._outcomes[kind, "skipped"] += 1
            self._skips[(answer.cause,)] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the counters."""
        yield counters(
            "sluice_items_answered",
            "Items that were answered, by kind and by outcome: scored, ruled, failed or skipped.",
            ["kind", "outcome"],
            dict(self._outcomes),
        )
        yield counters("sluice_items_failed", "Items that could not be scored.", ["cause"], dict(self._causes))
        yield counters("sluice_items_ruled", "Items that a rule of the policy answered.", ["rule"], dict(self._rules))
        yield counters("sluice_items_skipped", "Items not scored on purpose.", ["cause"], dict(self._skips))
        yield counters(
            "sluice_shadow_items",
            "Items that a candidate head answered in shadow.",
            ["shadow", "outcome"],
            dict(self._shadows),
        )


class ScoreMetrics(Collector):
    """Reads the loop, the scorer and the cache when it is asked."""

    def __init__(
        self,
        registry: CollectorRegistry,
        loop: ScoreLoop,
        answers: AnswerCounter,
        scorer: Scorer,
        cache: RedisCache,
        *,
        decided: Sized,
    ) -> None:
        """Name what is read, and add itself to the registry."""
        self._loop = loop
        self._answers = answers
        self._scorer = scorer
        self._cache = cache
        self._decided = decided
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield all of them."""
        yield from self._answers.collect()
        yield from self._flow()
        yield from self._encoding()
        yield from self._caching()

    def _flow(self) -> Iterator[Metric]:
        flow = self._loop.flow
        yield counter("sluice_messages_taken", "Messages taken from `items`.", flow.taken)
        yield counter("sluice_messages_finished", "Messages whose outcome the brokers acknowledged.", flow.finished)
        yield counter("sluice_messages_refused", "Messages that are no items of ours.", flow.refused)
        yield counter("sluice_messages_withdrawn", "Messages given back before they were begun.", flow.withdrawn)
        yield counter("sluice_dead_letters", "Messages on `dead-letters`, acknowledged.", flow.dead_letters)
        yield counter("sluice_shadow_answers_lost", "Answers in shadow that the brokers refused.", flow.shadows_lost)
        yield gauge("sluice_decided_parents", "Parents decided early, whose items are skipped.", len(self._decided))
        yield gauge("sluice_in_flight_items", "Messages taken and not finished.", flow.items)
        yield gauge("sluice_in_flight_bytes", "The bytes of those.", flow.bytes)

    def _encoding(self) -> Iterator[Metric]:
        counts = self._scorer.counts
        outlived = self._scorer.candidates.outlived
        yield gauge("sluice_candidates_outlived", "Candidates whose encoder is not the live one now.", len(outlived))
        yield counter("sluice_items_decoded", "Items that were decoded: those not in the cache.", counts["decoded"])
        yield counter("sluice_encoder_items", "Items that an encoder embedded.", counts["encoder_calls"])
        yield counter("sluice_encoder_batches", "Batches; items by batches is their mean size.", counts["batches"])
        yield counter("sluice_encoder_bisections", "Batches halved to find a bad item.", counts["bisections"])

    def _caching(self) -> Iterator[Metric]:
        counts, cache = self._scorer.counts, self._cache.counts
        looked_up: dict[tuple[str, ...], int] = {("hit",): counts["cache_hits"], ("miss",): counts["cache_misses"]}
        yield counters("sluice_cache_lookups", "Items looked up in the cache.", ["result"], looked_up)
        names = ("corrupt", "stale", "oversized", "errors", "bypassed")
        troubles: dict[tuple[str, ...], int] = {(name,): getattr(cache, name) for name in names}
        yield counters(
            "sluice_cache_troubles",
            "Entries dropped (corrupt, stale, oversized) and calls not answered (errors, bypassed).",
            ["trouble"],
            troubles,
        )
        yield counter("sluice_cache_stored_entries", "Entries written.", cache.stored)
        yield gauge("sluice_cache_suspended", "1 while the cache is left out after failures.", self._cache.open)
