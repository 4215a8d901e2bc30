"""Answers of candidates in shadow, on a real Kafka: whole, in the same places, and never in the way of what is live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Message

from schemas.items import RawItem
from schemas.scores import SCORE_RECORD, ItemFailed, ItemScored
from streams import clients, offsets, topics
from streams.shadows import ShadowNames, shadow_names, shadow_set
from streams.work import Answer, Shadowed, Ticket
from tests.integration.streams.test_atleastonce import PARTITIONS, Bench, Stub, _eventually, _items, bench

pytestmark = pytest.mark.kafka
__all__ = ["bench"]


class Both(Stub):
    """A worker with a candidate that scores lower, and fails on the second item of each parent."""

    def _answer(self, ticket: Ticket, item: RawItem) -> Answer:
        live = super()._answer(ticket, item)
        if not isinstance(live, ItemScored):
            return live
        if item.envelope.index == 1:
            place = live.model_dump(exclude={"type", "score"})
            return Shadowed(live, {"brisk": ItemFailed.model_validate({**place, "cause": "metric_failed"})})
        return Shadowed(live, {"brisk": live.model_copy(update={"score": 0.25, "scorer": "brisk"})})


def _made(bench: Bench, name: str) -> ShadowNames:
    names = shadow_names(bench.names, name)
    topics.create(clients.admin(bench.kafka.properties), shadow_set(names, PARTITIONS, retention_days=1))
    return names


def _records(messages: Sequence[Message]) -> dict[tuple[Any, ...], Any]:
    found = {}
    for message in messages:
        record: Any = SCORE_RECORD.validate_json(message.value() or b"")
        found[message.partition(), message.key(), record.parent_id, getattr(record, "index", "end")] = record
    assert len(found) == len(messages)
    return found


def _worker(fails: Callable[[RawItem], bool] = lambda _: False) -> Both:
    worker = Both(fails)
    worker.free.set()
    return worker


def test_every_answer_has_its_own_in_shadow_in_the_same_partition(bench: Bench) -> None:
    names = _made(bench, "brisk")
    with bench.running(_worker(lambda item: item.envelope.index == 2), shadows=("brisk",)):
        for parent in ("a", "b", "c"):
            bench.publish(_items(parent, 4), end=parent)
        assert _eventually(lambda: bench.committed() == 15)
    live, shadow = _records(bench.whole(bench.names.scores)), _records(bench.whole(names.scores))
    assert len(live) == 15
    assert live.keys() == shadow.keys()
    for place, record in live.items():
        other, index = shadow[place], place[3]
        if index in {"end", 2}:  # the end of a parent, and what failed
            assert other == record
        elif index == 1:
            assert isinstance(other, ItemFailed)
            assert isinstance(record, ItemScored)
        else:
            assert (other.score, record.score) == (0.25, 0.5)
    assert len(bench.whole(bench.names.dead_letters)) == 3  # those of live failures alone


def test_a_shadow_whose_topics_are_gone_stops_nothing(bench: Bench) -> None:
    _made(bench, "brisk")
    admin = clients.admin(bench.kafka.properties)
    gone = shadow_names(bench.names, "brisk").scores
    for future in admin.delete_topics([gone]).values():
        future.result()
    assert _eventually(lambda: gone not in admin.list_topics(timeout=10).topics)
    # the producer gives a topic that it has never seen 30 s by default to be made
    quick = {**bench.kafka.properties, "topic.metadata.propagation.max.ms": "500"}
    bench.kafka = replace(bench.kafka, properties=quick)
    with bench.running(_worker(), shadows=("brisk",)):
        bench.publish(_items("a", 4), end="a")
        assert _eventually(lambda: bench.committed() == 5)
    assert len(bench.whole(bench.names.scores)) == 5
    assert gone not in admin.list_topics(timeout=10).topics


def test_nothing_is_committed_before_the_shadow_has_it(bench: Bench) -> None:
    names = _made(bench, "brisk")
    admin = clients.admin(bench.kafka.properties)
    looks: list[bool] = []

    def all_committed() -> bool:
        done = bench.committed()  # first: what the shadow has by then can only be more
        looks.append(sum(offsets.ends(admin, names.scores, range(PARTITIONS)).values()) >= done)
        return done == 400

    with bench.running(_worker(), shadows=("brisk",)):
        bench.publish(_items("a", 400))
        assert _eventually(all_committed)
    assert all(looks)
