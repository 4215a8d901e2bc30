"""The properties of every Kafka client of ours, in one place."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

Value = str | int | float | bool
Properties = Mapping[str, Value]  # librdkafka's

_log = logging.getLogger("sluice.kafka")

# What a guarantee rests on; a user's own properties cannot replace these.
_PRODUCER_FIXED: Properties = {
    "acks": "all",
    "enable.idempotence": True,
    # Java's default. librdkafka's own is CRC32 and would put a parent on another partition than a Java producer does.
    "partitioner": "murmur2_random",
}
_CONSUMER_FIXED: Properties = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
}
_PRODUCER_DEFAULTS: Properties = {
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 200_000,
}
_CONSUMER_DEFAULTS: Properties = {
    "auto.offset.reset": "earliest",
    "fetch.queue.backoff.ms": 20,  # the default of 1000 stalls for a second whenever the queue was full
    "fetch.wait.max.ms": 100,
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 10_000,
}


class PropertiesError(KafkaException):
    """No client can work with these properties: a person has to mend them, and waiting would not."""


def producer(properties: Properties, **own: Value) -> Producer:
    """Return an idempotent producer that partitions as Java does.

    Args:
        properties: librdkafka properties of the user: servers, security, tuning.
        own: further properties of the caller, with `_` for `.`.

    Raises:
        PropertiesError: librdkafka refuses a property, or two that contradict each other.
    """
    with _refusing():
        return Producer(_merged(_PRODUCER_DEFAULTS, properties, own, _PRODUCER_FIXED), logger=_log)


def consumer(properties: Properties, group: str, **own: Value) -> Consumer:
    """Return a read_committed consumer that commits nothing by itself.

    Args:
        properties: librdkafka properties of the user.
        group: consumer group id.
        own: further properties of the caller, with `_` for `.`.

    Raises:
        PropertiesError: librdkafka refuses a property, or two that contradict each other.
    """
    merged = _merged(_CONSUMER_DEFAULTS, properties, own, {**_CONSUMER_FIXED, "group.id": group})
    with _refusing():
        return Consumer(merged, logger=_log)


def reader(properties: Properties, **own: Value) -> Consumer:
    """Return a consumer for `assign` alone: it belongs to no group and commits nothing.

    librdkafka wants a group id all the same; this one is never joined.
    """
    return consumer(properties, "sluice-reader", auto_offset_reset="error", **own)


def bystander(properties: Properties, group: str) -> Consumer:
    """Return a consumer that asks what a group has committed, also while a transaction is pending, and never joins it.

    Raises:
        PropertiesError: librdkafka refuses a property, or two that contradict each other.
    """
    fixed = {**_CONSUMER_FIXED, "isolation.level": "read_uncommitted", "group.id": group}
    with _refusing():
        return Consumer(_merged(_CONSUMER_DEFAULTS, properties, {}, fixed), logger=_log)


def admin(properties: Properties) -> AdminClient:
    """Return an admin client. Keep it referenced until its futures are resolved.

    Raises:
        PropertiesError: librdkafka refuses a property, or two that contradict each other.
    """
    with _refusing():
        return AdminClient(dict(properties), logger=_log)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except KafkaException as exception:
        raise PropertiesError(exception.args[0]) from exception


def _merged(
    defaults: Mapping[str, Value], properties: Properties, own: Mapping[str, Value], fixed: Mapping[str, Value]
) -> dict[str, Value]:
    named = {name.replace("_", "."): value for name, value in own.items()}
    return {**defaults, **named, **properties, **fixed}
