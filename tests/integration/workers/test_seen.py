from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from redis import Redis

from deploy.brokers.ladder import RedisAddress
from schemas.items import ItemEnvelope, RawItem
from workers.seen import RedisSeen


def item(parent: str, index: int, value: bytes = b"same bytes") -> RawItem:
    envelope = ItemEnvelope(id=f"{parent}/{index}", source="lab", kind="image", parent_id=parent, index=index)
    return RawItem(envelope, value)


@pytest.fixture
def client(redis_address: RedisAddress) -> Iterator[Redis]:
    with Redis.from_url(redis_address.url, socket_timeout=2.0) as client:
        yield client


@pytest.fixture
def seen(client: Redis) -> RedisSeen:
    return RedisSeen(client, uuid4().hex)


def test_a_second_item_with_the_same_bytes_names_the_first(seen: RedisSeen) -> None:
    assert seen.earlier(item("a", 0), 1) is None
    assert seen.earlier(item("a", 1), 1) == "a/0"
    assert seen.earlier(item("b", 0), 1) == "a/0"
    assert seen.earlier(item("b", 1, b"other bytes"), 1) is None


def test_an_item_that_is_read_again_is_no_duplicate(seen: RedisSeen) -> None:
    assert [seen.earlier(item("a", 0), 1) for _ in range(3)] == [None, None, None]


def test_content_is_forgotten_after_its_time(seen: RedisSeen, client: Redis) -> None:
    seen.earlier(item("a", 0), 0.5)
    (key,) = client.scan_iter(f"{seen._prefix}:*")
    assert 0 < client.ttl(key) <= 1800
    client.delete(key)
    assert seen.earlier(item("b", 0), 0.5) is None


def test_set_ups_do_not_share_what_they_have_seen(client: Redis) -> None:
    assert RedisSeen(client, "one" + uuid4().hex).earlier(item("a", 0), 1) is None
    assert RedisSeen(client, "two" + uuid4().hex).earlier(item("b", 0), 1) is None


def test_without_a_server_all_items_are_new() -> None:
    gone = RedisSeen(Redis(host="127.0.0.1", port=1, socket_timeout=0.2, socket_connect_timeout=0.2), "x")
    assert [gone.earlier(item("a", index), 1) for index in range(5)] == [None] * 5
