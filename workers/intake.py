"""The first half of scoring: look up, decode, measure, prepare. No encoder runs here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

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
from workers.itemrules import Fired, ItemFacts, apply_rules
from workers.media import Chunk, Medium, UndecodableError, counts
from workers.metrics import METRICS_VERSION
from workers.results import Counts, Failed, Ruled, Skipped
from workers.rulebook import NoRules, RuleBook
from workers.seen import NothingSeen, SeenContent

TEXT: Final = "document-chunk"


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
    flags: tuple[str, ...] = ()  # rules that send its parent to review
    notes: tuple[str, ...] = ()  # rules that fired, and change nothing

    @property
    def cached(self) -> NDArray[np.float32] | None:
        """The embedding, where it came from the cache."""
        return self.source.embedding if isinstance(self.source, Entry) else None

    def pending(self) -> Pending[Ready]:
        """Return it as the batcher takes it: items of two encoders or shapes share no batch."""
        encoder = self.domain.encoder
        shape = None if isinstance(self.source, Entry) else encoder.bucket(self.source)
        return Pending(self, bucket=(encoder.digest, shape), parent=self.parent_id)


Outcome = Ready | Ruled | Failed | Skipped


@dataclass(frozen=True, slots=True)
class Intake:
    """Makes items ready. It holds no state of its own, so that threads may share it."""

    domains: Mapping[str, Domain]
    cache: Cache
    decoder: Decoder
    measure: Callable[[Medium], dict[str, float]]
    counts: Counts
    claims: ClaimStore = field(default_factory=ClaimStore)
    rules: RuleBook = field(default_factory=NoRules)
    seen: SeenContent = field(default_factory=NothingSeen)

    def ready(self, items: Sequence[RawItem]) -> list[Outcome]:
        """Return one outcome per item, in order. Items found in the cache are not decoded.

        Claim checks are fetched one at a time, since each may be larger than any message. They are fetched also where
        the cache has the content that they claim: what a reference is answered does not depend on the cache.
        """
        messages = [item for item in items if not item.is_claim]
        outcomes = iter(self._outcomes(messages))
        ordered = [self._claimed(item) if item.is_claim else next(outcomes) for item in items]
        self.counts.answered(ordered)
        return ordered

    def _claimed(self, item: RawItem) -> Outcome:
        if item.envelope.empty or item.envelope.kind not in self.domains:
            return _unscorable(item)
        try:
            return self._outcomes([self.claims.fetched(item)])[0]
        except ClaimError as error:
            return Failed(error.cause, error.detail)

    def _outcomes(self, items: Sequence[RawItem]) -> list[Outcome]:
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

    def _ready(self, item: RawItem, domain: Domain, key: str, entry: Entry | None) -> Outcome:
        usable = entry if entry is not None and entry.embedding.shape == (domain.encoder.dimension,) else None
        self.counts.add(cache_hits=usable is not None, cache_misses=usable is None)
        opened = Opened(item, usable, self.decoder, self.measure, self.counts)
        try:
            fired = self._fired(item, opened)
            if isinstance(fired, Ruled | Skipped):
                return fired
            source = usable or domain.encoder.prepare(opened.medium)
            return Ready(
                domain,
                item.envelope.parent_id,
                key,
                opened.metrics,
                opened.reasons,
                source,
                item.envelope.read_as,
                fired.flags,
                fired.notes,
            )
        except UndecodableError as error:
            return Failed(error.cause, error.detail)
        except Exception as error:  # noqa: BLE001 (whatever it is, the other items are not to suffer for it)
            return Failed("scoring_error", f"{type(error).__name__}: {error}")

    def _fired(self, item: RawItem, opened: Opened) -> Fired | Ruled | Skipped:
        """Apply the policy's rules; return the answer where one stops the item, and what fired otherwise."""
        book = self.rules.rules_for(item.envelope.kind, item.envelope.source)
        if book is None:
            return Fired()
        facts = ItemFacts(
            len(item.value), opened.text, lambda: opened.metrics, lambda hours: self.seen.earlier(item, hours)
        )
        fired = apply_rules(book.rules, facts)
        self.counts.add(**{f"rule/{name}": 1 for name in fired.names})
        rule = fired.stopped
        if rule is None:
            return fired
        if rule.then == "skip":
            return Skipped(rule.name, book.policy, fired.duplicate_of)
        return Ruled(rule.name, book.policy, fired.flags, fired.duplicate_of)


class Opened:
    """An item as it is decoded and measured, once and only when that is asked for."""

    def __init__(
        self,
        item: RawItem,
        entry: Entry | None,
        decoder: Decoder,
        measure: Callable[[Medium], dict[str, float]],
        counts: Counts,
    ) -> None:
        """Take an item, and its entry in the cache where there is one."""
        self._item, self._entry, self._decoder, self._measure, self._counts = item, entry, decoder, measure, counts

    @cached_property
    def medium(self) -> Medium:
        """What the item decodes to.

        Raises:
            UndecodableError: it cannot be read.
        """
        medium = self._decoder.decode(self._item)
        self._counts.add(decoded=1)
        return medium

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Its cheap metrics, from the cache or measured."""
        if self._entry is not None:
            return self._entry.metrics
        return {**self._measure(self.medium), **counts(self.medium)}

    @property
    def reasons(self) -> tuple[str, ...]:
        """How it had to be read."""
        return self.medium.reasons if self._entry is None else self._entry.reasons

    def text(self) -> str | None:
        """Return its text, or None of what is none."""
        if self._item.envelope.kind != TEXT:
            return None
        return self.medium.text if isinstance(self.medium, Chunk) else None


def _unscorable(item: RawItem) -> Failed | Skipped:
    if item.envelope.empty:
        return Skipped("empty")
    return Failed("unknown_kind", f"no head is for {item.envelope.kind!r}")
