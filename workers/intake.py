"""The first half of scoring: look up, decode, measure, prepare. No encoder runs here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.items import RawItem
from workers.batching import Pending
from workers.cache import Cache, cache_key
from workers.claimfiles import ClaimError
from workers.claims import ClaimStore
from workers.decode import Decoder
from workers.domains import Domain
from workers.encoders import Prepared
from workers.entries import Entry
from workers.media import Medium, UndecodableError, counts
from workers.metrics import METRICS_VERSION
from workers.results import Counts, Failed, Skipped


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """An item that has its embedding from the cache, or the encoder's input for one."""

    domain: Domain
    parent_id: str
    key: str
    metrics: dict[str, float]
    reasons: tuple[str, ...]
    source: Prepared | Entry
    read_as: tuple[str, ...] = ()  # by its producer: of this item, so that the cache must not keep it

    @property
    def cached(self) -> NDArray[np.float32] | None:
        """The embedding, where it came from the cache."""
        return self.source.embedding if isinstance(self.source, Entry) else None

    def pending(self) -> Pending[Ready]:
        """Return it as the batcher takes it: items of two encoders or shapes share no batch."""
        encoder = self.domain.encoder
        shape = None if isinstance(self.source, Entry) else encoder.bucket(self.source)
        return Pending(self, bucket=(encoder.digest, shape), parent=self.parent_id)


@dataclass(frozen=True, slots=True)
class Intake:
    """Makes items ready. It holds no state of its own, so that threads may share it."""

    domains: Mapping[str, Domain]
    cache: Cache
    decoder: Decoder
    measure: Callable[[Medium], dict[str, float]]
    counts: Counts
    claims: ClaimStore = field(default_factory=ClaimStore)

    def ready(self, items: Sequence[RawItem]) -> list[Ready | Failed | Skipped]:
        """Return one outcome per item, in order. Items found in the cache are not decoded.

        Claim checks are fetched one at a time, since each may be larger than any message. They are fetched also where
        the cache has the content that they claim: what a reference is answered does not depend on the cache.
        """
        messages = [item for item in items if not item.is_claim]
        outcomes = iter(self._outcomes(messages))
        ordered = [self._claimed(item) if item.is_claim else next(outcomes) for item in items]
        self.counts.answered(ordered)
        return ordered

    def _claimed(self, item: RawItem) -> Ready | Failed | Skipped:
        if item.envelope.empty or item.envelope.kind not in self.domains:
            return _unscorable(item)
        try:
            return self._outcomes([self.claims.fetched(item)])[0]
        except ClaimError as error:
            return Failed(error.cause, error.detail)

    def _outcomes(self, items: Sequence[RawItem]) -> list[Ready | Failed | Skipped]:
        domains = [None if item.envelope.empty else self.domains.get(item.envelope.kind) for item in items]
        keys = [
            None if domain is None else cache_key(item, domain.encoder.digest, METRICS_VERSION)
            for item, domain in zip(items, domains, strict=True)
        ]
        entries = iter(self.cache.get_many([key for key in keys if key is not None]))
        return [
            _unscorable(item) if domain is None or key is None else self._ready(item, domain, key, next(entries))
            for item, domain, key in zip(items, domains, keys, strict=True)
        ]

    def _ready(self, item: RawItem, domain: Domain, key: str, entry: Entry | None) -> Ready | Failed:
        parent, read_as = item.envelope.parent_id, item.envelope.read_as
        if entry is not None and entry.embedding.shape == (domain.encoder.dimension,):
            self.counts.add(cache_hits=1)
            return Ready(domain, parent, key, entry.metrics, entry.reasons, entry, read_as)
        self.counts.add(cache_misses=1)
        try:
            medium = self.decoder.decode(item)
            self.counts.add(decoded=1)
            prepared = domain.encoder.prepare(medium)
            metrics = {**self.measure(medium), **counts(medium)}
            return Ready(domain, parent, key, metrics, medium.reasons, prepared, read_as)
        except UndecodableError as error:
            return Failed(error.cause, error.detail)
        except Exception as error:  # noqa: BLE001 (whatever it is, the other items are not to suffer for it)
            return Failed("scoring_error", f"{type(error).__name__}: {error}")


def _unscorable(item: RawItem) -> Failed | Skipped:
    if item.envelope.empty:
        return Skipped("empty")
    return Failed("unknown_kind", f"no head is for {item.envelope.kind!r}")
