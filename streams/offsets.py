"""Offsets of topics, as the brokers have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

_TIMEOUT = 5.0


def ends(admin: AdminClient, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Return the end offset of each partition, open transactions included (READ_UNCOMMITTED).

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    return _list(admin, topic, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]


def starts(admin: AdminClient, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Return the first offset that each partition still has.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    return _list(admin, topic, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]


def at_times(admin: AdminClient, topic: str, times: Mapping[int, int]) -> dict[int, int]:
    """Return for each partition the first offset that was appended at a time (ms since 1970) or later.

    A partition without such a record is left out.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    specs = {TopicPartition(topic, number): OffsetSpec.for_timestamp(time) for number, time in times.items()}
    return {number: offset for number, offset in _ask(admin, specs).items() if offset >= 0}


def _list(admin: AdminClient, topic: str, partitions: Iterable[int], spec: OffsetSpec) -> dict[int, int]:
    return _ask(admin, {TopicPartition(topic, partition): spec for partition in partitions})


def _ask(admin: AdminClient, wanted: dict[TopicPartition, OffsetSpec]) -> dict[int, int]:
    if not wanted:
        return {}
    # READ_COMMITTED would give the last stable offset, and an open transaction would be passed over
    answers = admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_TIMEOUT)
    return {place.partition: future.result().offset for place, future in answers.items()}
