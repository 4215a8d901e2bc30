"""Which content has been seen before: the hash of an item's bytes and who brought it first, for as long as told.

The first of several that come at once is one of them, whichever it is: the store decides. An item that is read again
finds itself and is no duplicate. Where the store is away or has lost an entry, a duplicate passes as new.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Protocol

from redis import Redis
from redis.exceptions import RedisError

from schemas.items import RawItem, content_hash
from workers.breaker import Breaker
from workers.redisclient import impatient


class SeenContent(Protocol):
    """Remembers content."""

    def earlier(self, item: RawItem, hours: float) -> str | None:
        """Return the id of the item that brought the same bytes first, at most so long ago, or None: it is the first.

        Never raises.
        """


class NothingSeen:
    """Remembers nothing."""

    def earlier(self, item: RawItem, hours: float) -> str | None:
        """Return None."""
        del item, hours
        return None


class RedisSeen:
    """Remembers in Redis or Valkey, so that all workers know the same."""

    def __init__(
        self,
        client: Redis,
        scope: str,
        *,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wrap a client that has short timeouts. `scope` keeps the items of several set-ups apart."""
        self._client = client
        self._prefix = f"sluice:seen:{scope}"
        self._breaker = breaker or Breaker()
        self._clock = clock

    @classmethod
    def connect(cls, url: str, scope: str, *, timeout_seconds: float = 0.25) -> RedisSeen:
        """Remember in `redis://...` or `rediss://...`. Nothing is sent yet, and an absent server is no error."""
        return cls(impatient(url, timeout_seconds), scope)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def earlier(self, item: RawItem, hours: float) -> str | None:
        """See `SeenContent`."""
        envelope = item.envelope
        key = f"{self._prefix}:{content_hash(item.value)}"
        own = [envelope.parent_id, envelope.index, envelope.id]
        first = self._first(key, json.dumps(own), round(hours * 3600))
        return None if first is None or first[:2] == own[:2] else str(first[2])

    def _first(self, key: str, value: str, seconds: int) -> list[Any] | None:
        if self._breaker.is_open(self._clock()):
            return None
        try:
            pipeline = self._client.pipeline(transaction=False)
            pipeline.set(key, value, ex=max(1, seconds), nx=True)
            pipeline.get(key)
            found = pipeline.execute()[1]
        except (RedisError, OSError):
            self._breaker.failed(self._clock())
            return None
        self._breaker.succeeded()
        return None if found is None else json.loads(found)  # None: it has been evicted at once
