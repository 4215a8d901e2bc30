"""Deciders on a real Kafka, each with a topic set of its own and the gates that `sluice decide` gives it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from aggregation import PartitionGate
from deploy.brokers.waiting import wait_until
from schemas.decisions import Decision
from schemas.policy import Action, Policy
from streams import clients, topics
from streams.exactlyonce import DecideLoop
from streams.gates import DecideSettings, MakeGate
from streams.recovery import PartitionCountError
from streams.topics import TopicNames
from tests.chaos.reading import Entry, read_whole
from tests.unit.aggregation.records import policy

PARTITIONS = 2
PATIENCE = 45.0  # s


@dataclass
class Running:
    """A loop on a thread of its own, and what it told."""

    loop: DecideLoop
    events: list[tuple[str, dict[str, Any]]]
    problem: list[BaseException] = field(default_factory=list)

    def told(self, name: str) -> list[dict[str, Any]]:
        return [fields for event, fields in self.events if event == name]

    def owns(self) -> set[int]:
        return set(dict(self.loop._ownership.owned))


@dataclass
class Bench:
    """A topic set of its own, and what tests do with it."""

    properties: clients.Properties
    names: TopicNames
    group: str
    score_group: str
    admin: AdminClient
    producer: Producer

    def send(self, *records: bytes, partition: int = 0, topic: str | None = None) -> None:
        for record in records:
            self.producer.produce(topic or self.names.scores, key=_parent(record), value=record, partition=partition)
        assert self.producer.flush(30) == 0

    @contextlib.contextmanager
    def running(
        self,
        decider: Policy | None = None,
        instance: str = "decide-0",
        properties: clients.Properties | None = None,
        make_gate: MakeGate | None = None,
    ) -> Iterator[Running]:
        """Run a decider in this process until the block ends; `make_gate` is for one that needs more than a policy."""
        used, stop = decider or policy(), threading.Event()
        settings = DecideSettings(self.names, PARTITIONS, self.group, self.score_group, f"{self.group}-{instance}")
        events: list[tuple[str, dict[str, Any]]] = []
        loop = DecideLoop(
            {**self.properties, "session.timeout.ms": 6_000, **(properties or {})},
            settings,
            make_gate=make_gate or (lambda partition, start_at: PartitionGate(partition, used, start_at)),
            notify=lambda event, **fields: events.append((event, fields)),
        )
        running = Running(loop, events)
        thread = threading.Thread(target=_run, args=(running, stop.is_set))
        thread.start()
        try:
            yield running
        finally:
            stop.set()
            thread.join(60)
        assert not thread.is_alive()

    def whole(self, topic: str) -> list[Entry]:
        return read_whole(self.properties, topic, PARTITIONS)

    def decisions(self) -> dict[str, Decision]:
        """Return the decisions by parent; there is one for each at most."""
        found = [Decision.model_validate_json(one.value) for one in self.whole(self.names.decisions)]
        by_parent = {decision.parent_id: decision for decision in found}
        assert len(by_parent) == len(found)
        return by_parent

    def decided(self, *parents: str) -> bool:
        """Wait until these parents and no others are decided, in the log and in its views."""
        return wait(lambda: self.decisions().keys() == set(parents) and self._views_agree())

    def _views_agree(self) -> bool:
        shown = [one.value for action in Action for one in self.whole(self.names.action(action))]
        logged = [one.value for one in self.whole(self.names.decisions)]
        latest = {one.key: one.value for one in self.whole(self.names.latest)}
        return sorted(shown) == sorted(logged) == sorted(latest.values())

    def workers_at(self, partition: int, offset: int) -> None:
        """Commit an offset of `items` in the workers' group."""
        place = TopicPartition(self.names.items, partition, offset)
        with Consumer({**self.properties, "group.id": self.score_group, "log_level": 3}) as worker:
            worker.commit(offsets=[place], asynchronous=False)

    def delete_scores(self, before: int) -> None:
        place = TopicPartition(self.names.scores, 0, before)
        self.admin.delete_records([place])[place].result()


def _run(running: Running, stopped: Callable[[], bool]) -> None:
    try:
        running.loop.run(stopped)
    except (PartitionCountError, KafkaException) as error:
        running.problem.append(error)


def _parent(record: bytes) -> bytes:
    try:
        return str(json.loads(record)["parent_id"]).encode()
    except (ValueError, KeyError):
        return b"?"


def wait(condition: Callable[[], bool]) -> bool:
    return wait_until(condition, timeout_s=PATIENCE)


@contextlib.contextmanager
def opened(properties: clients.Properties) -> Iterator[Bench]:
    """Make the topics, and close the producer at the end."""
    names = TopicNames(f"once-{uuid4().hex[:8]}.")
    admin = clients.admin(properties)
    topics.create(admin, topics.topic_set(names, PARTITIONS))
    with clients.producer(properties) as producer:
        yield Bench(properties, names, names.prefix + "decide", names.prefix + "score", admin, producer)
