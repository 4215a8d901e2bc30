"""Topics of a replay's own, which get each of its decisions exactly once, however often it is killed and goes on.

The decisions of a partition have an order that does not change. So what is there already is counted, and the rest is
appended in transactions. The transactional id is that of the replay and the partition: opening it ends an open
transaction of a process that was killed, and shuts out one that was only thought dead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from streams import clients, offsets, topics
from streams.history import read_from
from streams.messages import headers_of
from streams.replaying import LiveTopicError, replay_topics, shadow_names
from streams.topics import TopicNames, TopicSpec

_HEADER: Final = "sluice-replay"
_HOUR: Final = 3_600_000  # ms
_BATCH: Final = 2_000  # decisions in a transaction
_TIMEOUT: Final = 30.0  # s
_TRANSACTION_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A decision as it is sent: to the log, to the topic of its action, and what it withdraws to another's."""

    key: bytes
    action: str
    value: bytes
    withdrawn_from: str | None = None
    withdrawal: bytes | None = None


def create_topics(
    admin: AdminClient, prefix: str, live: TopicNames, partitions: int, *, retention_hours: int = 24
) -> TopicNames:
    """Make the topics of a replay that are missing, and return their names.

    Raises:
        LiveTopicError: one is a live topic, or may be one.
        TopicSetupError: one is there and has another count of partitions.
        KafkaException: the brokers refused.
    """
    existing = admin.list_topics(timeout=_TIMEOUT).topics
    names = shadow_names(prefix, live, existing)
    kept = {"retention.ms": str(retention_hours * _HOUR), "segment.ms": str(_HOUR)}
    specs = [TopicSpec(name, partitions, {"cleanup.policy": "delete"}, kept) for name in replay_topics(names)]
    topics.create(admin, specs)
    return names


class ReplayLog:
    """The topics of one replay."""

    def __init__(self, properties: clients.Properties, names: TopicNames, run_id: str) -> None:
        """Name the replay; nothing is asked of the brokers yet."""
        self._properties = properties
        self._names = names
        self._run_id = run_id.encode()

    def append(self, partition: int, decisions: Iterator[Sent]) -> int:
        """Append the decisions of a partition that are not there yet.

        Args:
            partition: of the log, and of the topics of the actions.
            decisions: all of them, in the order that they have in each run.

        Returns:
            How many were appended.

        Raises:
            LiveTopicError: the log holds what is no decision of this replay.
            KafkaException: the brokers refused.
        """
        producer = clients.producer(
            self._properties,
            transactional_id=f"{self._names.prefix}replay-{self._run_id[:16].decode()}-{partition}",
            transaction_timeout_ms=_TRANSACTION_MS,
        )
        try:
            producer.init_transactions(_TIMEOUT)  # first: nobody else appends from here on
            rest = islice(decisions, self._there(partition), None)
            appended = 0
            while batch := list(islice(rest, _BATCH)):
                self._send(producer, partition, batch)
                appended += len(batch)
            return appended
        finally:
            producer.close()

    def _there(self, partition: int) -> int:
        """Count the decisions that are there."""
        topic = self._names.decisions
        if offsets.starts(clients.admin(self._properties), topic, [partition])[partition]:
            raise LiveTopicError(f"retention has deleted the first records of {topic}: choose another prefix")
        count = 0
        for message in read_from(self._properties, topic, {partition: 0}):
            if dict(headers_of(message) or []).get(_HEADER) != self._run_id:
                raise LiveTopicError(f"{topic} has decisions that are not of this replay: choose another prefix")
            count += 1
        return count

    def _send(self, producer: Producer, partition: int, batch: Sequence[Sent]) -> None:
        producer.begin_transaction()
        for one in batch:
            self._produce(producer, self._names.decisions, partition, one.key, one.value)
            self._produce(producer, self._names.action(one.action), partition, one.key, one.value)
            if one.withdrawn_from is not None and one.withdrawal is not None:
                target = self._names.action(one.withdrawn_from)
                self._produce(producer, target, partition, one.key, one.withdrawal)
        producer.commit_transaction(_TIMEOUT)

    def _produce(self, producer: Producer, topic: str, partition: int, key: bytes, value: bytes) -> None:
        headers: Mapping[str, Any] = {_HEADER: self._run_id}
        while True:
            try:
                producer.produce(topic, value, key, partition, headers=dict(headers))
            except BufferError:
                producer.poll(0.1)
            else:
                producer.poll(0)
                return
