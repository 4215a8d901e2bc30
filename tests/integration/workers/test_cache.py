from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from redis import Redis

from deploy.brokers.ladder import RedisAddress
from workers.cache import RedisCache
from workers.entries import Entry


@pytest.fixture
def client(redis_address: RedisAddress) -> Iterator[Redis]:
    with Redis.from_url(redis_address.url, socket_timeout=2.0) as client:
        yield client


@pytest.fixture
def cache(redis_address: RedisAddress) -> Iterator[RedisCache]:
    cache = RedisCache.connect(redis_address.url, timeout_seconds=2.0, ttl_seconds=60)
    yield cache
    cache.close()


def entry(seed: int = 0) -> Entry:
    return Entry(np.random.default_rng(seed).random(64).astype(np.float32), {"sharpness": 1 / 3}, ("grayscale",))


def test_entries_come_back_in_order_and_expire(cache: RedisCache, client: Redis) -> None:
    cache.put_many({f"round/{seed}": entry(seed) for seed in range(3)})
    found = cache.get_many(["round/2", "round/absent", "round/0"])
    assert [None if one is None else one.embedding.tobytes() for one in found] == [
        entry(2).embedding.tobytes(),
        None,
        entry(0).embedding.tobytes(),
    ]
    assert (cache.counts.hits, cache.counts.misses, cache.counts.stored) == (2, 1, 3)
    assert 0 < int(client.ttl("round/0")) <= 60


@pytest.mark.parametrize(("spoil", "count"), [("cut", "corrupt"), ("flip", "corrupt"), ("version", "stale")])
def test_a_spoilt_entry_is_a_miss_and_is_dropped(cache: RedisCache, client: Redis, spoil: str, count: str) -> None:
    key = f"spoilt/{spoil}"
    cache.put_many({key: entry()})
    stored = client.get(key)
    assert isinstance(stored, bytes)
    value = bytearray(stored)
    if spoil == "cut":
        del value[-3:]
    else:
        value[0 if spoil == "version" else len(value) // 2] ^= 0x10
    client.set(key, bytes(value))
    assert cache.get_many([key]) == [None]
    assert getattr(cache.counts, count) == 1
    assert client.exists(key) == 0


def test_a_value_that_is_no_string_is_a_miss(cache: RedisCache, client: Redis) -> None:
    client.rpush("list/key", "x")
    assert cache.get_many(["list/key"]) == [None]


def test_a_slow_server_is_bypassed(redis_address: RedisAddress, client: Redis) -> None:
    cache = RedisCache.connect(redis_address.url, timeout_seconds=0.1)
    client.client_pause(1500, all=True)
    started = time.monotonic()
    for _ in range(10):
        assert cache.get_many(["slow"]) == [None]
    assert time.monotonic() - started < 1.0
    assert cache.counts.errors == 3
    assert cache.counts.bypassed == 7
    time.sleep(1.6)
    cache.close()


def test_too_large_an_entry_is_left_out(client: Redis) -> None:
    cache = RedisCache(client, max_entry_bytes=100)
    cache.put_many({"large": entry()})
    assert cache.counts.oversized == 1
    assert client.exists("large") == 0


def test_seed_fault_19_each_item_has_its_entry_the_longest_unused_goes_first_and_threads_share_it(
    cache: RedisCache, client: Redis
) -> None:
    """A batch under one key is only found by the same batch; first in, first out throws away what is used most."""
    keys = [f"shared/{number}" for number in range(40)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: cache.put_many({keys[number]: entry(number)}), range(40)))
        batches = list(threads.map(lambda size: cache.get_many(keys[:size]), range(1, 41)))
    for size, found in enumerate(batches, 1):
        assert [one and one.embedding.tobytes() for one in found] == [
            entry(number).embedding.tobytes() for number in range(size)
        ]
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
