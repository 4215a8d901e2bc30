"""Features of items, through the very path that serves: intake, cache, encoder in micro-batches.

A head is needed to score, and there is none yet: one without weights stands in. What counts are the cache entries that
pass by, with the embedding and the metrics in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from schemas.heads import Encoding, HeadManifest
from schemas.items import RawItem
from workers.cache import Cache, CacheCounts, NullCache
from workers.domains import Domain
from workers.encoders import Encoder
from workers.entries import Entry
from workers.heads import Features, Head, LogisticHead
from workers.metrics import METRICS_VERSION, MetricSet
from workers.metrics.plugins import metric_set
from workers.results import Failed, Scored
from workers.scorer import Scorer

BATCH = 16


class KeepingCache:
    """A cache that keeps in memory what passes through it, so that an item is embedded once even without a server."""

    def __init__(self, inner: Cache) -> None:
        self.entries: dict[str, Entry] = {}
        self._inner = inner

    @property
    def counts(self) -> CacheCounts:
        """What the cache behind it did so far."""
        return self._inner.counts

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """Return one entry, or None, per key."""
        unknown = [key for key in keys if key not in self.entries]
        found = dict(zip(unknown, self._inner.get_many(unknown), strict=True)) if unknown else {}
        self.entries |= {key: entry for key, entry in found.items() if entry is not None}
        return [self.entries.get(key) for key in keys]

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries."""
        self.entries |= entries
        self._inner.put_many(entries)


class Featurer:
    """Makes features of items, and counts what that cost."""

    def __init__(
        self, encoder_of: Callable[[str], Encoder], cache: Cache | None = None, metrics: MetricSet | None = None
    ) -> None:
        """Take what gives the encoder of a kind, the cache of embeddings, and what is measured."""
        self.metrics = metrics or metric_set()
        self._encoder_of = encoder_of
        self._cache = KeepingCache(cache or NullCache())
        self._scorers: dict[str, Scorer] = {}

    @property
    def encoder_calls(self) -> int:
        """Items that an encoder has seen."""
        return sum(scorer.counts["encoder_calls"] for scorer in self._scorers.values())

    @property
    def cached(self) -> int:
        """Items whose embedding was there already."""
        return sum(scorer.counts["cache_hits"] for scorer in self._scorers.values())

    def encoder(self, kind: str) -> Encoder:
        """Return the encoder of a kind.

        Raises:
            EncoderError: there is none, or it cannot be loaded.
        """
        return self._encoder_of(kind)

    def features(self, kind: str, items: Sequence[RawItem]) -> list[tuple[str, Entry] | Failed]:
        """Return for each item its cache key and its features, or why it has none.

        Raises:
            EncoderError: the encoder is broken; no item is to blame.
        """
        if kind not in self._scorers:
            encoder = self._encoder_of(kind)
            self._scorers[kind] = Scorer(
                {kind: Domain(encoder, _weightless(kind, encoder.encoding))},
                cache=self._cache,
                metrics=self.metrics,
                batch_size=BATCH,
            )
        results = self._scorers[kind].score([_of_kind(item, kind) for item in items])
        return [self._found(result) for result in results]

    def _found(self, result: object) -> tuple[str, Entry] | Failed:
        if isinstance(result, Scored):
            return result.embedding, self._cache.entries[result.embedding]
        if isinstance(result, Failed):
            return result
        return Failed("skipped", "it is marked as empty")


def _of_kind(item: RawItem, kind: str) -> RawItem:
    if item.envelope.kind == kind:
        return item
    return RawItem(item.envelope.model_copy(update={"kind": kind}), item.value)


def _weightless(kind: str, encoding: Encoding) -> Head:
    """Return a head without weights: it looks at nothing, and scores 0.5."""
    manifest = HeadManifest(
        name="untrained",
        kind=kind,
        model="logistic",
        encoding=encoding,
        metrics=[],
        metrics_version=METRICS_VERSION,
        fusion="blocks",
        seed=0,
        labels="none",
        damages=[],
        sources=[],
        results={},
        weights_sha256="0" * 64,
    )
    none, dimension = np.zeros(0), encoding.dimension
    features = Features(np.zeros(dimension), np.zeros((dimension, 0)), none, none, none, none)
    return Head(manifest, features, LogisticHead(none, np.zeros(1)))
