"""The embedding cache: what one item costs to decode, measure and embed is paid once per content and encoder.

An entry holds the embedding, the cheap metrics and the reasons from decoding, so that a warm run does not even decode.
A cache may lose, withhold or garble entries at any time: all of that is a miss, counted, and never an error.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

from schemas.items import RawItem, content_hash
from workers.breaker import Breaker
from workers.entries import Entry, EntryError, StaleEntryError, pack, unpack
from workers.redisclient import impatient

_PREFIX = "sluice:embedding"


@dataclass(slots=True)
class CacheCounts:
    """What the cache did since it was made. `errors` and `bypassed` count calls, the others entries."""

    hits: int = 0
    misses: int = 0
    corrupt: int = 0
    stale: int = 0
    stored: int = 0
    oversized: int = 0
    errors: int = 0
    bypassed: int = 0


class Cache(Protocol):
    """Where entries are kept between runs. Neither call raises."""

    @property
    def counts(self) -> CacheCounts:
        """What it did so far."""

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """Return one entry, or None, per key."""

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries, or as many as can be kept."""


class NullCache:
    """No cache: every look-up misses."""

    def __init__(self) -> None:
        self.counts = CacheCounts()

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """Return None for each key."""
        self.counts.misses += len(keys)
        return [None] * len(keys)

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep nothing."""


def cache_key(item: RawItem, encoder_digest: str, metrics_version: str, dtype: str = "float32") -> str:
    """Name an item's entry: the hash of its bytes, and one of everything else that the entry depends on.

    The bytes are hashed here, since a hash in the envelope is the producer's word. The content type and the intensity
    window change what decoding makes of the same bytes, so they are part of the key; so is the place of a document's
    last chunk, which may be short.
    """
    envelope = item.envelope
    window = (envelope.window_low, envelope.window_high)
    ends = ("tail",) if envelope.last and envelope.kind == "document-chunk" else ()
    context = repr((encoder_digest, metrics_version, dtype, envelope.kind, envelope.content_type, window, *ends))
    return f"{_PREFIX}:{content_hash(item.value)}:{hashlib.sha256(context.encode()).hexdigest()[:32]}"


class RedisCache:
    """Entries in Redis or Valkey. When it is down, slow or read-only the cache is bypassed; the stream goes on."""

    def __init__(
        self,
        client: Redis,
        *,
        ttl_seconds: int = 7 * 24 * 3600,
        max_entry_bytes: int = 256 * 1024,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wrap a client that has short timeouts; `connect` makes one."""
        self.counts = CacheCounts()
        self._client = client
        self._ttl = ttl_seconds
        self._cap = max_entry_bytes
        self._breaker = breaker or Breaker()
        self._clock = clock

    @classmethod
    def connect(cls, url: str, *, timeout_seconds: float = 0.25, ttl_seconds: int = 7 * 24 * 3600) -> RedisCache:
        """Make a cache on `redis://...` or `rediss://...`. Nothing is sent yet, and an absent server is no error."""
        return cls(impatient(url, timeout_seconds), ttl_seconds=ttl_seconds)

    @property
    def open(self) -> bool:
        """True while the cache is bypassed after failures."""
        return self._breaker.is_open(self._clock())

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """Return one entry, or None, per key, in one round trip. Entries that cannot be read are dropped."""
        values = self._guarded(lambda: self._client.mget(list(keys))) if keys else None
        if not isinstance(values, list):
            self.counts.misses += len(keys)
            return [None] * len(keys)
        found = [self._read(value) for value in values]
        bad = [key for key, value, entry in zip(keys, values, found, strict=True) if value is not None and not entry]
        if bad:
            self._guarded(lambda: self._client.delete(*bad))
        self.counts.hits += sum(entry is not None for entry in found)
        self.counts.misses += sum(entry is None for entry in found)
        return found

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries for the TTL, in one round trip. Entries above the size cap are left out and counted."""
        packed = {key: pack(entry) for key, entry in entries.items()}
        fitting = {key: value for key, value in packed.items() if len(value) <= self._cap}
        self.counts.oversized += len(packed) - len(fitting)
        if fitting and self._guarded(lambda: self._store(fitting)) is not None:
            self.counts.stored += len(fitting)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _store(self, values: Mapping[str, bytes]) -> bool:
        pipeline = self._client.pipeline(transaction=False)
        for key, value in values.items():
            pipeline.set(key, value, ex=self._ttl)
        pipeline.execute()
        return True

    def _read(self, value: bytes | None) -> Entry | None:
        if value is None:
            return None
        try:
            return unpack(value)
        except StaleEntryError:
            self.counts.stale += 1
        except EntryError:
            self.counts.corrupt += 1
        return None

    def _guarded(self, call: Callable[[], object]) -> object:
        """Return what the call returns, or None when it fails or when calls are suspended."""
        if self._breaker.is_open(self._clock()):
            self.counts.bypassed += 1
            return None
        try:
            result = call()
        except (RedisError, OSError):
            self.counts.errors += 1
            self._breaker.failed(self._clock())
            return None
        self._breaker.succeeded()
        return result
