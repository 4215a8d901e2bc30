from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ReadOnlyError

from schemas.items import ItemEnvelope, RawItem
from workers.breaker import Breaker
from workers.cache import NullCache, RedisCache, cache_key
from workers.entries import Entry, EntryError, StaleEntryError, pack, unpack

METRICS = st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False), max_size=5)


def entry(dimension: int = 4) -> Entry:
    return Entry(np.arange(dimension, dtype=np.float32), {"sharpness": 0.1 + 0.2}, ("grayscale",))


@given(st.lists(st.floats(width=32), max_size=20), METRICS, st.lists(st.text(max_size=8), max_size=3))
def test_an_entry_survives_its_bytes(numbers: list[float], metrics: dict[str, float], reasons: list[str]) -> None:
    read = unpack(pack(Entry(np.array(numbers, dtype=np.float32), metrics, tuple(reasons))))
    assert read.embedding.tobytes() == np.array(numbers, dtype=np.float32).tobytes()
    assert read.metrics == metrics
    assert read.reasons == tuple(reasons)


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_any_flipped_bit_is_noticed(place: int, bit: int) -> None:
    value = bytearray(pack(entry()))
    value[place % len(value)] ^= 1 << bit
    with pytest.raises(EntryError):
        unpack(bytes(value))


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=9))
def test_wrong_lengths_are_noticed(cut: int, more: bytes) -> None:
    value = pack(entry())
    with pytest.raises(EntryError):
        unpack(value[: cut % len(value)])
    with pytest.raises(EntryError):
        unpack(value + more)


def test_another_version_is_stale() -> None:
    value = pack(entry())
    with pytest.raises(StaleEntryError):
        unpack(bytes([value[0] + 1]) + value[1:])


def item(value: bytes = b"x", **changes: Any) -> RawItem:
    fields = {"id": "1", "source": "s", "kind": "image", "parent_id": "p", "index": 0} | changes
    return RawItem(ItemEnvelope.model_validate(fields), value)


def test_the_key_depends_on_everything_that_the_entry_depends_on() -> None:
    keys = [
        cache_key(item(), "a" * 64, "1"),
        cache_key(item(b"y"), "a" * 64, "1"),
        cache_key(item(), "b" * 64, "1"),
        cache_key(item(), "a" * 64, "2"),
        cache_key(item(), "a" * 64, "1", dtype="float16"),
        cache_key(item(content_type="image/png"), "a" * 64, "1"),
        cache_key(item(window_low=0.0, window_high=9.0), "a" * 64, "1"),
        cache_key(item(kind="mri-slice"), "a" * 64, "1"),
    ]
    assert len(set(keys)) == len(keys)


def test_the_key_ignores_who_sent_it_and_what_hash_they_claim() -> None:
    same = item(id="2", source="t", parent_id="q", index=3, content_hash="0" * 64)
    assert cache_key(item(), "a" * 64, "1") == cache_key(same, "a" * 64, "1")


class ReadOnlyRedis(Redis):
    """A replica: it can be read, and refuses to be written."""

    calls = 0

    def mget(self, keys: Any, *args: Any) -> Any:
        self.calls += 1
        return [None for _ in [*keys, *args]]

    def pipeline(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        raise ReadOnlyError("You can't write against a read only replica.")


def test_a_read_only_server_is_bypassed_and_tried_again() -> None:
    now = [0.0]
    client = ReadOnlyRedis()
    cache = RedisCache(client, breaker=Breaker(failures=2, pause_seconds=1.0), clock=lambda: now[0])
    for _ in range(2):
        cache.put_many({"k": entry()})
    assert cache.open
    cache.put_many({"k": entry()})
    assert (client.calls, cache.counts.errors, cache.counts.bypassed) == (2, 2, 1)
    now[0] = 1.5
    assert cache.get_many(["k"]) == [None]
    assert client.calls == 3
    assert not cache.open


def test_an_absent_server_costs_no_error() -> None:
    cache = RedisCache.connect("redis://127.0.0.1:1/0", timeout_seconds=0.05)
    for _ in range(5):
        assert cache.get_many(["a", "b"]) == [None, None]
        cache.put_many({"a": entry()})
    assert cache.counts.errors == 3
    assert cache.counts.bypassed == 7
    assert cache.counts.misses == 10
    cache.close()


def test_the_pause_doubles_up_to_its_limit() -> None:
    breaker = Breaker(failures=1, pause_seconds=1.0, longest_seconds=3.0)
    now, pauses = 0.0, []
    for _ in range(4):
        breaker.failed(now)
        until = now
        while breaker.is_open(until):
            until += 0.5
        pauses.append(until - now)
        now = until
    assert pauses == [1.0, 2.0, 3.0, 3.0]
    breaker.succeeded()
    assert not breaker.is_open(now)


def test_no_cache_misses_always() -> None:
    cache = NullCache()
    cache.put_many({"a": entry()})
    assert cache.get_many(["a"]) == [None]
    assert cache.counts.misses == 1
