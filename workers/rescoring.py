"""Items that were scored before, scored again by another head: from their embeddings in the cache, or from their bytes.

A score from the cache is the one that a worker with this head would have given. One from an item's bytes is the same on
every run, since each item is embedded by itself; a worker embeds batches, which may differ in the last digits (1e-7 was
seen). What an item's record tells of how it was read, of the frames before it and of the policy's rules stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from schemas.items import RawItem
from workers.cache import cache_key
from workers.domains import Domain
from workers.encoders.deferred import DeferredEncoder
from workers.entries import Entry
from workers.heads.reasons import CODES
from workers.intake import Ready
from workers.metrics import MetricSet
from workers.metrics.frames import RANGES, Around
from workers.results import Failed, Result, Scored
from workers.scorer import Scorer

_AT_ONCE: Final = 256  # entries in one round trip, some megabytes
_OF_HEADS: Final = frozenset(code for codes in CODES.values() for code in codes if code is not None)


class CacheAwayError(Exception):
    """The cache does not answer. All items would have to be embedded anew, which nobody has asked for."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the record of a scored item tells.

    Attributes:
        kind: of the item.
        parent_id: of it.
        embedding: key of its entry in the cache.
        reasons: codes, those of the head that scored it among them.
        flags: rules of the policy that sent its parent to review.
        metrics: its cheap metrics, and what the frames before it told.
    """

    kind: str
    parent_id: str
    embedding: str
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    metrics: Mapping[str, float | None] | None = None


class Rescorer:
    """Scores items again."""

    def __init__(self, scorer: Scorer, metrics: MetricSet, learnt: frozenset[str] = frozenset()) -> None:
        """Take what scores.

        Args:
            scorer: has the heads, and the cache where the embeddings are; it applies no rules.
            metrics: what the scorer measures.
            learnt: names of defects that heads may have named among the reasons, beside those of `CODES`.
        """
        self.scorer = scorer
        self._metrics = metrics
        own = {one.name for domain in scorer.domains.values() for one in domain.head.manifest.defects}
        self._of_heads = _OF_HEADS | learnt | own

    def fits(self, item: RawItem, key: str) -> bool | None:
        """Tell whether an embedding was made as this scorer's encoder makes it; None where the bytes are elsewhere.

        Args:
            item: the very item.
            key: of its entry in the cache, as its record names it.
        """
        if item.is_claim:
            return None
        kind = item.envelope.kind
        return key == cache_key(item, self.scorer.domains[kind].encoder.digest, self._metrics.version(kind))

    def check_encoder(self, kind: str) -> None:
        """Check that the encoder of a kind is here, and is the one that its head needs.

        Raises:
            EncoderError: it is not.
        """
        encoder = self.scorer.domains[kind].encoder
        if isinstance(encoder, DeferredEncoder):
            encoder.load()

    def from_cache(self, items: Sequence[Remembered]) -> list[Scored | Failed | None]:
        """Score items by their embeddings in the cache. One result per item, in order; None where it is not there.

        Raises:
            CacheAwayError: the cache does not answer.
        """
        found: list[Scored | Failed | None] = []
        for first in range(0, len(items), _AT_ONCE):
            some = items[first : first + _AT_ONCE]
            entries = self._entries([one.embedding for one in some])
            found += [self._from_entry(one, entry) for one, entry in zip(some, entries, strict=True)]
        return found

    def afresh(self, items: Sequence[tuple[RawItem, Remembered | None]]) -> list[Result]:
        """Score items by their bytes, and keep the embeddings. One result per item, in order.

        Args:
            items: each with what its record tells; None of one that was not scored before.

        Raises:
            EncoderError: an encoder cannot be loaded, is another one than the head needs, or is broken.
        """
        for kind in {item.envelope.kind for item, _ in items} & self.scorer.domains.keys():
            self.check_encoder(kind)  # here, where no item is blamed for it
        results = self.scorer.score([item for item, _ in items])
        return [
            self._merged(result, one) if isinstance(result, Scored) and one is not None else result
            for result, (_, one) in zip(results, items, strict=True)
        ]

    def _entries(self, keys: Sequence[str]) -> list[Entry | None]:
        counts = self.scorer.cache.counts
        before = counts.errors + counts.bypassed
        entries = self.scorer.cache.get_many(keys)
        if counts.errors + counts.bypassed > before:
            raise CacheAwayError("the cache does not answer")
        return entries

    def _from_entry(self, one: Remembered, entry: Entry | None) -> Scored | Failed | None:
        domain = self.scorer.domains[one.kind]
        if entry is None or entry.embedding.shape != (domain.encoder.dimension,):
            return None
        lacking = [name for name in domain.head.manifest.metrics if name not in entry.metrics]
        if lacking:
            return Failed("metric_failed", f"the head needs {', '.join(lacking)}, which failed for this item")
        (result,) = self.scorer.finish([_ready(one, domain, entry)])
        return self._merged(result, one) if isinstance(result, Scored) else result

    def _merged(self, result: Scored, one: Remembered) -> Scored:
        """Add to a result what an item's record tells beside its score."""
        told = [code for code in one.reasons if code not in self._of_heads]
        across = {name: value for name, value in (one.metrics or {}).items() if name in RANGES and value is not None}
        return replace(
            result,
            reasons=tuple(dict.fromkeys((*told, *(code for code in result.reasons if code in self._of_heads)))),
            flags=one.flags,
            metrics={**result.metrics, **across},
        )


def _ready(one: Remembered, domain: Domain, entry: Entry) -> Ready:
    return Ready(domain, one.parent_id, one.embedding, entry.metrics, (), entry, around=Around({}), flags=one.flags)
