from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from confluent_kafka import Consumer, TopicPartition

from streams.budget import Budget
from streams.grace import Grace
from streams.standing import Flow


@dataclass
class _Consumer:
    """Notes which partitions were paused and resumed last."""

    told: list[str] = field(default_factory=list)

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition("items", 0)]

    def pause(self, _: list[TopicPartition]) -> None:
        self.told.append("pause")

    def resume(self, _: list[TopicPartition]) -> None:
        self.told.append("resume")


def _budget(consumer: _Consumer, flow: Flow) -> Budget:
    return Budget(cast("Consumer", consumer), flow, max_items=4, max_bytes=100)


def test_either_limit_pauses_and_half_of_both_resumes() -> None:
    consumer, flow = _Consumer(), Flow()
    budget = _budget(consumer, flow)
    for size in (50, 49):
        budget.take(size)
        budget.balance()
    assert consumer.told == []
    budget.take(1)  # the bytes are used up, and the items are not
    budget.balance()
    budget.release(49)
    budget.balance()
    assert consumer.told == ["pause"]  # 51 bytes are more than half
    budget.release(1)
    budget.balance()
    assert consumer.told == ["pause", "resume"]
    for _ in range(3):
        budget.take(1)
    budget.balance()
    assert consumer.told == ["pause", "resume", "pause"]


def test_there_is_always_room_for_one_so_that_callbacks_are_served() -> None:
    flow = Flow()
    budget = _budget(_Consumer(), flow)
    assert budget.room() == 4
    flow.items = 9
    assert budget.room() == 1


def test_what_is_held_is_never_resumed() -> None:
    consumer = _Consumer()
    budget = _budget(consumer, Flow())
    budget.hold()
    budget.balance()
    budget.assigned([TopicPartition("items", 1)])
    assert consumer.told == ["pause", "pause"]


def test_the_grace_period_begins_once() -> None:
    grace = Grace(0.0)
    assert not grace.begins(lambda: False)
    assert not grace.over
    assert grace.begins(lambda: True)
    assert not grace.begins(lambda: True)
    assert grace.begun
    assert grace.over
