"""Reading topics with consumers of our own making: nothing here rests on the code under test."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

ACTIONS = ("accept", "review", "reject")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it lies on a topic."""

    partition: int
    offset: int
    at: int  # ms since 1970
    key: bytes
    value: bytes


def entry(message: Message) -> Entry:
    number, offset = message.partition(), message.offset()
    key, value = message.key(), message.value()
    assert number is not None
    assert offset is not None
    return Entry(
        number,
        offset,
        message.timestamp()[1],
        key if isinstance(key, bytes) else b"",
        value if isinstance(value, bytes) else b"",
    )


def read_whole(properties: Mapping[str, Any], topic: str, partitions: int, *, committed: bool = True) -> list[Entry]:
    """Return everything that a topic holds, read_committed or read_uncommitted.

    A transaction that is still being finished is waited for, so that nothing that it holds is missed.
    """
    _, ends = edges(AdminClient({**properties, "log_level": 3}), topic, partitions)
    consumer = _consumer(properties, committed=committed)
    try:
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
        return list(_until_end(consumer, ends))
    finally:
        consumer.close()


def edges(admin: AdminClient, topic: str, partitions: int) -> tuple[dict[int, int], dict[int, int]]:
    """Return the first offset and the end of each partition, open transactions included."""

    def ask(spec: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(topic, number): spec for number in range(partitions)}
        answers = admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        return {place.partition: future.result().offset for place, future in answers.items()}

    return ask(OffsetSpec.earliest()), ask(OffsetSpec.latest())  # type: ignore[no-untyped-call]


def committed(properties: Mapping[str, Any], group: str, topic: str, partitions: int) -> dict[int, tuple[int, str]]:
    """Return what a group has committed for each partition: offset and metadata.

    The admin client's call for it ends the process where the group's coordinator is being loaded.
    """
    consumer = Consumer({**properties, "group.id": group, "isolation.level": "read_uncommitted", "log_level": 3})
    try:
        places = consumer.committed([TopicPartition(topic, number) for number in range(partitions)], timeout=10)
    finally:
        consumer.close()
    return {place.partition: (place.offset, place.metadata or "") for place in places}


def _until_end(consumer: Consumer, ends: Mapping[int, int]) -> Iterator[Entry]:
    missing = {number for number, end in ends.items() if end > 0}
    while missing:
        for message in consumer.consume(5_000, timeout=0.2):
            reached = message.offset() or 0
            error = message.error()
            if error is None:
                yield entry(message)
                reached += 1
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if reached >= ends[message.partition() or 0]:
                missing.discard(message.partition() or 0)


def _consumer(properties: Mapping[str, Any], *, committed: bool) -> Consumer:
    return Consumer(
        {
            **properties,
            "group.id": f"chaos-{uuid.uuid4()}",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "auto.offset.reset": "error",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 20,
            "fetch.wait.max.ms": 50,
            "log_level": 3,
        }
    )


class _Key(msgspec.Struct):
    parent_id: str
    window: str
    revision: int


_key = msgspec.json.Decoder(_Key)
DecisionKey = tuple[str, str, int]


def decision_key(value: bytes) -> DecisionKey:
    """Return which window, in which revision, a decision is about."""
    found = _key.decode(value)
    return found.parent_id, found.window, found.revision


class Watcher(threading.Thread):
    """A read_committed consumer that takes decisions as they come, while the faults happen."""

    def __init__(self, properties: Mapping[str, Any], prefix: str, partitions: int) -> None:
        """Begin at the first record of `decisions` and of the actions' topics."""
        super().__init__(name="watcher", daemon=True)
        self._prefix = prefix
        self._consumer = _consumer(properties, committed=True)
        topics = [prefix + name for name in ("decisions", *ACTIONS)]
        self._consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for topic in topics for number in range(partitions)]
        )
        self._given_up = threading.Event()
        self.seen: Counter[DecisionKey] = Counter()
        self.decisions: list[Entry] = []
        self.on_actions: Counter[str] = Counter()
        self._reached: dict[int, int] = {}  # of decisions
        self.problem: str | None = None

    def stop(self) -> None:
        """Stop reading."""
        self._given_up.set()

    def reached(self, ends: Mapping[int, int]) -> bool:
        """Whether it has read `decisions` up to these offsets."""
        return all(self._reached.get(number, 0) >= end for number, end in ends.items())

    def run(self) -> None:
        try:
            while not self._given_up.is_set():
                for message in self._consumer.consume(2_000, timeout=0.1):
                    self._count(message)
        except (KafkaException, msgspec.DecodeError) as error:
            self.problem = str(error)
        finally:
            self._consumer.close()

    def _count(self, message: Message) -> None:
        error, name = message.error(), (message.topic() or "").removeprefix(self._prefix)
        number, offset = message.partition() or 0, message.offset() or 0
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if name == "decisions":
                self._reached[number] = offset
        elif name == "decisions":
            one = entry(message)
            self.decisions.append(one)
            self.seen[decision_key(one.value)] += 1
            self._reached[number] = offset + 1
        else:
            self.on_actions[name] += 1
