"""The frames before a frame, remembered for some minutes: by parent and index, so that all workers know the same.

What is told of a frame is a function of that frame and of those that were sent as its neighbours. Where two different
ones were sent for one place, neither is told: a value is then absent, and never one of two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from workers.breaker import Breaker
from workers.metrics.frames import REACH, Frame
from workers.redisclient import impatient

Place = tuple[str, int]  # parent and index

TTL_SECONDS: Final = 600
_CONTESTED: Final = b""


class Neighbours(Protocol):
    """Remembers frames."""

    def meet(self, frames: Mapping[Place, Sequence[Frame]]) -> Mapping[Place, Frame]:
        """Remember frames, and return those that are known of them and of the few before each. Never raises."""


class NoNeighbours:
    """Remembers nothing."""

    def meet(self, frames: Mapping[Place, Sequence[Frame]]) -> Mapping[Place, Frame]:
        """Return nothing."""
        del frames
        return {}


class _Stored(msgspec.Struct, array_like=True):
    content: str
    time_ms: int | None
    sketch: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Stored)


class RedisNeighbours:
    """Remembers in Redis or Valkey. When it is down or slow no neighbour is known; the stream goes on."""

    def __init__(
        self,
        client: Redis,
        scope: str,
        *,
        ttl_seconds: int = TTL_SECONDS,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wrap a client that has short timeouts. `scope` keeps the items of several set-ups apart."""
        self._client = client
        self._prefix = f"sluice:frame:{scope}"
        self._ttl = ttl_seconds
        self._breaker = breaker or Breaker()
        self._clock = clock

    @classmethod
    def connect(cls, url: str, scope: str, *, timeout_seconds: float = 0.25) -> RedisNeighbours:
        """Remember in `redis://...` or `rediss://...`. Nothing is sent yet, and an absent server is no error."""
        return cls(impatient(url, timeout_seconds), scope)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def meet(self, frames: Mapping[Place, Sequence[Frame]]) -> Mapping[Place, Frame]:
        """See `Neighbours`. Two round trips for any number of frames, and a third where one is sent again."""
        if not frames or self._breaker.is_open(self._clock()):
            return {}
        try:
            known = self._known(frames)
        except (RedisError, OSError):
            self._breaker.failed(self._clock())
            return {}
        self._breaker.succeeded()
        return known

    def _known(self, frames: Mapping[Place, Sequence[Frame]]) -> dict[Place, Frame]:
        stored = self._stored(frames)
        settled = {place: settle(stored.get(place), sent) for place, sent in frames.items()}
        changed = {place: value for place, value in settled.items() if value != stored.get(place)}
        if changed:
            pipeline = self._client.pipeline(transaction=False)
            for place, value in changed.items():
                pipeline.set(self._key(place), value, ex=self._ttl)
            pipeline.execute()
        frames_of = {place: _read(value) for place, value in (stored | settled).items()}
        return {place: frame for place, frame in frames_of.items() if frame is not None}

    def _stored(self, frames: Mapping[Place, Sequence[Frame]]) -> dict[Place, bytes]:
        """Return what is stored of places and of those before them."""
        places = sorted(
            {(parent, near) for parent, index in frames for near in range(max(0, index - REACH), index + 1)}
        )
        values: Any = self._client.mget([self._key(place) for place in places])
        return {place: value for place, value in zip(places, values, strict=True) if isinstance(value, bytes)}

    def _key(self, place: Place) -> str:
        return f"{self._prefix}:{place[0]}:{place[1]}"


def settle(stored: bytes | None, sent: Sequence[Frame]) -> bytes:
    """Return what to store for a place: the one frame that was ever sent for it, or that there was more than one.

    A frame that was not decoded the first time, and is now, is the same one.
    """
    frames = [] if stored is None else [_read(stored)]
    frames += sent
    first = next((frame for frame in frames if frame is not None and frame.sketch), frames[0])
    for frame in frames:
        if frame is None or first is None or (frame.content, frame.time_ms) != (first.content, first.time_ms):
            return _CONTESTED
    return _CONTESTED if first is None else _ENCODER.encode(_Stored(first.content, first.time_ms, first.sketch))


def _read(value: bytes) -> Frame | None:
    """Return a frame as it was stored; None where it is contested or cannot be read."""
    try:
        stored = _DECODER.decode(value)
    except msgspec.DecodeError:
        return None
    return Frame(stored.content, stored.time_ms, stored.sketch)
