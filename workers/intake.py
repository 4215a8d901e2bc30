"""The first half of scoring: look up, decode, measure, prepare. No encoder runs here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.items import RawItem, content_hash
from workers.batching import Pending
from workers.cache import Cache, cache_key
from workers.claimfiles import ClaimError
from workers.claims import ClaimStore
from workers.decode import Decoder
from workers.domains import Domain
from workers.encoders import Prepared
from workers.entries import Entry
from workers.itemrules import Fired, ItemFacts, apply_rules
from workers.media import UndecodableError
from workers.metrics import MetricSet, frames
from workers.metrics.frames import Around, Frame
from workers.neighbours import Neighbours, NoNeighbours, Place
from workers.opened import FRAME, Opened
from workers.results import Counts, Failed, Ruled, Skipped
from workers.rulebook import NoRules, RuleBook
from workers.seen import NothingSeen, SeenContent

_NOTHING: Final = Around({})


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
    sketch: bytes = b""  # of a frame
    around: Around = _NOTHING  # what the frames before it tell: no part of what the cache keeps
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
    metrics: MetricSet
    counts: Counts
    claims: ClaimStore = field(default_factory=ClaimStore)
    rules: RuleBook = field(default_factory=NoRules)
    seen: SeenContent = field(default_factory=NothingSeen)
    neighbours: Neighbours = field(default_factory=NoNeighbours)

    def ready(self, items: Sequence[RawItem]) -> list[Outcome]:
        """Return one outcome per item, in order. Items found in the cache are not decoded.

        Claim checks are fetched one at a time, since each may be larger than any message. They are fetched also where
        the cache has the content that they claim: what a reference is answered does not depend on the cache.
        """
        messages = [item for item in items if not item.is_claim]
        outcomes = iter(self._outcomes(messages))
        ordered = [self._claimed(item) if item.is_claim else next(outcomes) for item in items]
        self.counts.answered(ordered)
        return self._beside_neighbours(items, ordered)

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
            None if domain is None else cache_key(item, domain.encoder.digest, self.metrics.version(item.envelope.kind))
            for item, domain in zip(items, domains, strict=True)
        ]
        entries = iter(self.cache.get_many([key for key in keys if key is not None]))
        return [
            _unscorable(item) if domain is None or key is None else self._ready(item, domain, key, next(entries))
            for item, domain, key in zip(items, domains, keys, strict=True)
        ]

    def _beside_neighbours(self, items: Sequence[RawItem], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Add to frames what those before them tell. Frames that are not scored are neighbours too, by their times."""
        own = [
            _frame(item, outcome) if item.envelope.kind == FRAME else None
            for item, outcome in zip(items, outcomes, strict=True)
        ]
        sent: dict[Place, list[Frame]] = {}
        for item, frame in zip(items, own, strict=True):
            if frame is not None:
                sent.setdefault((item.envelope.parent_id, item.envelope.index), []).append(frame)
        known = self.neighbours.meet(sent) if sent and self.metrics.across else {}
        return [
            self._placed(item, outcome, frame, known) if frame is not None and isinstance(outcome, Ready) else outcome
            for item, outcome, frame in zip(items, outcomes, own, strict=True)
        ]

    def _placed(self, item: RawItem, ready: Ready, frame: Frame, known: Mapping[Place, Frame]) -> Ready:
        parent, index = item.envelope.parent_id, item.envelope.index
        found = frames.around(
            index, frame, lambda place: known.get((parent, place)), ready.metrics, self.metrics.across
        )
        return replace(ready, around=found) if found != _NOTHING else ready

    def _ready(self, item: RawItem, domain: Domain, key: str, entry: Entry | None) -> Outcome:
        usable = entry if entry is not None and entry.embedding.shape == (domain.encoder.dimension,) else None
        self.counts.add(cache_hits=usable is not None, cache_misses=usable is None)
        opened = Opened(item, usable, self.decoder, self.metrics, self.counts)
        try:
            fired = self._fired(item, opened)
            if isinstance(fired, Ruled | Skipped):
                return fired
            lacking = [name for name in domain.head.manifest.metrics if name not in opened.metrics]
            if lacking:
                return Failed("metric_failed", f"the head needs {', '.join(lacking)}, which failed for this item")
            source = usable or domain.encoder.prepare(opened.medium)
            return Ready(
                domain,
                item.envelope.parent_id,
                key,
                opened.metrics,
                opened.reasons,
                source,
                item.envelope.read_as,
                opened.sketch(),
                flags=fired.flags,
                notes=fired.notes,
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
            len(item.value), opened.text, lambda: opened.asked, lambda hours: self.seen.earlier(item, hours)
        )
        fired = apply_rules(book.rules, facts)
        self.counts.add(**{f"rule/{name}": 1 for name in fired.names})
        rule = fired.stopped
        if rule is None:
            return fired
        if rule.then == "skip":
            return Skipped(rule.name, book.policy, fired.duplicate_of)
        return Ruled(rule.name, book.policy, fired.flags, fired.duplicate_of)


def _frame(item: RawItem, outcome: Outcome) -> Frame:
    envelope = item.envelope
    time_ms = None if envelope.time is None else round(envelope.time.timestamp() * 1000)
    claimed = envelope.content_hash if item.is_claim else None
    return Frame(claimed or content_hash(item.value), time_ms, outcome.sketch if isinstance(outcome, Ready) else b"")


def _unscorable(item: RawItem) -> Failed | Skipped:
    if item.envelope.empty:
        return Skipped("empty")
    return Failed("unknown_kind", f"no head is for {item.envelope.kind!r}")
