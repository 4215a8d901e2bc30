"""From items to scores: decode, cheap metrics, cache, encoder in micro-batches, head.

The work is cut in two, so that two threads can share it: `ready` (workers/intake.py) runs no encoder, `finish` decodes
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schemas.items import RawItem
from workers.batching import MicroBatcher
from workers.cache import Cache, NullCache
from workers.candidates import Candidates
from workers.claims import ClaimStore
from workers.decode import Decoder, InlineDecoder
from workers.domains import Domain, load_domains
from workers.embedding import embed_each, probe
from workers.encoders import Encoder, EncoderRegistry
from workers.entries import Entry
from workers.heads import Head
from workers.intake import Intake, Outcome, Ready
from workers.metrics import MetricSet
from workers.metrics.plugins import metric_set
from workers.neighbours import Neighbours, NoNeighbours
from workers.results import Counts, Effort, Failed, Result, Scored
from workers.rulebook import NoRules, RuleBook
from workers.seen import NothingSeen, SeenContent

_UNFIT = Failed("other_encoder", "the candidate was trained on another encoder than the live one")


class Scorer:
    """Scores items of every kind that has a domain. It answers each item; it raises only when it is itself broken."""

    def __init__(
        self,
        domains: Mapping[str, Domain],
        *,
        cache: Cache | None = None,
        decoder: Decoder | None = None,
        metrics: MetricSet | None = None,
        batch_size: int = 16,
        claims: ClaimStore | None = None,
        rules: RuleBook | None = None,
        seen: SeenContent | None = None,
        neighbours: Neighbours | None = None,
    ) -> None:
        self.domains = dict(domains)
        self.cache = cache or NullCache()
        self.counts = Counts()
        self.effort = Effort()
        self.keep: Callable[[str, Mapping[str, Entry]], None] = self._keep
        self.observe: Callable[[Encoder, Sequence[NDArray[np.float32] | Failed]], None] = _unobserved
        self.batch_size = batch_size
        self.candidates = Candidates()
        self._intake = Intake(
            self.domains,
            self.cache,
            decoder or InlineDecoder(),
            metrics or metric_set(),
            self.counts,
            claims or ClaimStore(),
            rules or NoRules(),
            seen or NothingSeen(),
            neighbours or NoNeighbours(),
        )
        self._afresh = replace(
            self._intake,
            cache=NullCache(),
            counts=Counts(),
            rules=NoRules(),
            seen=NothingSeen(),
            neighbours=NoNeighbours(),
        )

    @classmethod
    def load(
        cls,
        heads_folder: Path,
        device: str = "cpu",
        cache: Cache | None = None,
        *,
        metrics: MetricSet | None = None,
        encoders: EncoderRegistry | None = None,
        batch_size: int = 16,
        claims: ClaimStore | None = None,
        rules: RuleBook | None = None,
        seen: SeenContent | None = None,
        neighbours: Neighbours | None = None,
    ) -> Self:
        """Load all heads in a folder and their encoders.

        Raises:
            HeadError: a head cannot be read or does not fit.
            EncoderError: an encoder cannot be loaded.
            MetricError: a metric of another package cannot be used.
        """
        domains = load_domains(heads_folder, encoders or EncoderRegistry(), device, metrics)
        return cls(
            domains,
            cache=cache,
            metrics=metrics,
            batch_size=batch_size,
            claims=claims,
            rules=rules,
            seen=seen,
            neighbours=neighbours,
        )

    def digest(self, kind: str) -> str:
        """Return the scorer digest of a kind; KeyError where no head is for it."""
        return self.domains[kind].head.scorer_digest

    def renew(self, domains: Mapping[str, Domain]) -> None:
        """Score with these encoders and heads from now on. Nothing may be ready and not finished meanwhile."""
        self.domains.update(domains)

    def warm_up(self) -> None:
        """Embed a sample with every encoder: the worker is ready after it, and not ready if it raises.

        Raises:
            EncoderError: an encoder is in training mode, or its embedding is not finite.
        """
        for encoder in {domain.encoder.digest: domain.encoder for domain in self.domains.values()}.values():
            probe(encoder)

    def score(self, items: Sequence[RawItem]) -> list[Result]:
        """Return one result per item, in order.

        Raises:
            EncoderError: an encoder is broken; no item is to blame.
        """
        outcomes = self.ready(items)
        waiting = [outcome for outcome in outcomes if isinstance(outcome, Ready)]
        batcher: MicroBatcher[Ready] = MicroBatcher(self.batch_size, 0.0)
        finished: dict[int, Result] = {}
        for batch in [*batcher.add((one.pending() for one in waiting), now=0.0), *batcher.flush()]:
            finished |= zip(map(id, batch), self.finish(batch), strict=True)
        return [finished[id(outcome)] if isinstance(outcome, Ready) else outcome for outcome in outcomes]

    def ready(self, items: Sequence[RawItem]) -> list[Outcome]:
        """Look up, and otherwise decode, measure and prepare items. One outcome per item, in order."""
        return self._intake.ready(items)

    def ready_afresh(self, items: Sequence[RawItem]) -> list[Outcome]:
        """Do the same without cache, rules and counting; what is made of them is not cached either: for canaries."""
        outcomes = self._afresh.ready(items)
        return [replace(one, key="") if isinstance(one, Ready) else one for one in outcomes]

    def finish(self, batch: Sequence[Ready]) -> list[Scored | Failed]:
        """Embed and score a batch that shares an encoder and a bucket. One answer per item, in order.

        Raises:
            EncoderError: the encoder is broken; no item is to blame.
        """
        began = time.perf_counter()
        embeddings = self._embeddings(batch)
        results = [self._judged(one, embedding) for one, embedding in zip(batch, embeddings, strict=True)]
        fresh = {
            one.key: Entry(embedding, one.metrics, one.reasons, one.sketch)
            for one, embedding, result in zip(batch, embeddings, results, strict=True)
            if one.cached is None and one.key and isinstance(result, Scored) and not isinstance(embedding, Failed)
        }
        if fresh:
            self.keep(batch[0].domain.encoder.digest, fresh)
        live = [place for place, one in enumerate(batch) if one.key]
        self.counts.answered([results[place] for place in live])
        self.observe(batch[0].domain.encoder, [embeddings[place] for place in live])
        self.effort.spent(time.perf_counter() - began, len(live), len(batch) - len(live))
        return results

    def _judged(self, one: Ready, embedding: NDArray[np.float32] | Failed) -> Scored | Failed:
        """Score an item by the live head or its arm's, and by the heads in shadow; a canary by the live one."""
        if isinstance(embedding, Failed):
            return embedding
        if not one.key:
            return _scored(one, embedding, one.domain.head)
        result = _scored(one, embedding, self.candidates.live_head(one.domain, one.parent_id))
        if not self.candidates.shadows or isinstance(result, Failed):
            return result
        heads = self.candidates.shadow_heads(one.domain)
        return replace(
            result,
            shadows=tuple(
                (name, _UNFIT if head is None else _scored(one, embedding, head)) for name, head in heads.items()
            ),
        )

    def _keep(self, _encoder: str, entries: Mapping[str, Entry]) -> None:
        self.cache.put_many(entries)

    def _embeddings(self, batch: Sequence[Ready]) -> list[NDArray[np.float32] | Failed]:
        inputs = [one.source for one in batch if not isinstance(one.source, Entry)]
        if not inputs:
            return [one.source.embedding for one in batch if isinstance(one.source, Entry)]
        embedded = embed_each(batch[0].domain.encoder, inputs)
        calls = sum(1 for one in batch if one.key and not isinstance(one.source, Entry))
        self.counts.add(encoder_calls=calls, batches=calls > 0, bisections=embedded.bisections)
        fresh = iter(embedded.outcomes)
        return [one.source.embedding if isinstance(one.source, Entry) else next(fresh) for one in batch]


def _unobserved(_encoder: Encoder, _embeddings: Sequence[NDArray[np.float32] | Failed]) -> None:
    """Look at nothing."""


def _scored(one: Ready, embedding: NDArray[np.float32], head: Head) -> Scored | Failed:
    lacking = [name for name in head.manifest.metrics if name not in one.metrics]
    if lacking:
        return Failed("metric_failed", f"the head needs {', '.join(lacking)}, which failed for this item")
    try:
        metrics = head.vector(one.metrics)
        if not (np.isfinite(embedding).all() and np.isfinite(metrics).all()):
            return Failed("non_finite", "the embedding or a metric is NaN or infinite")
        score = float(head.score(embedding[None], metrics[None])[0])
        if not 0.0 <= score <= 1.0:  # true of NaN as well
            return Failed("non_finite", f"the score is {score}")
        reasons = tuple(
            dict.fromkeys(
                (
                    *one.read_as,
                    *one.reasons,
                    *one.around.reasons,
                    *one.flags,
                    *one.notes,
                    *head.reasons(score, metrics, embedding),
                )
            )
        )
    except Exception as error:  # noqa: BLE001 (whatever it is, the other items are not to suffer for it)
        return Failed("scoring_error", f"{type(error).__name__}: {error}")
    cached = one.cached is not None
    measured = {**one.metrics, **one.around.metrics}
    return Scored(score, reasons, measured, head.scorer_digest, head.calibrated, one.key, cached, one.flags)
