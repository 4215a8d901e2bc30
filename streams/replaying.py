"""Reading parts of topics that were fixed beforehand, and keeping what a replay writes away from the live topics.

Nothing here joins a group or commits: partitions are assigned by hand, so that nobody else notices.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import clients, offsets
from streams.topics import MAX_ITEM_BYTES, TopicNames

Place = tuple[int, int]
"""Partition and offset."""

_BATCH: Final = 2_000
_LOOK: Final = 0.5  # s
_GATHER: Final = 0.01  # s; for what comes with the first record
_PATIENCE: Final = 60  # looks without a record or an end, before the brokers are taken to be away
_NEAR: Final = 64  # offsets: what lies closer is come to by reading on
_LIVE_ALONE: Final = ("items", "scores", "dead-letters", "policies", "latest")  # no replay has topics of these names


class GoneError(Exception):
    """Retention has deleted records of a range since it was fixed."""


class LiveTopicError(ValueError):
    """What a replay would write to is, or may be, a live topic."""


class Chunk(NamedTuple):
    """The records of a range of offsets; some offsets may have none."""

    first: int
    end: int
    records: list[tuple[int, bytes | None]]


def read_chunks(
    properties: clients.Properties, topic: str, partition: int, span: tuple[int, int], size: int
) -> Iterator[Chunk]:
    """Yield the records of a range, cut at every `size` offsets from its first one on, whatever comes when.

    Args:
        properties: of the brokers.
        topic: its name.
        partition: of it.
        span: first offset, and the one after the last.
        size: offsets in a chunk.

    Raises:
        GoneError: retention was faster.
        KafkaException: the brokers refused, or did not answer for half a minute.
    """
    first, end = span
    records: list[tuple[int, bytes | None]] = []
    for message in _range(properties, topic, partition, span):
        offset, value = message.offset() or 0, message.value()
        while offset >= first + size:
            yield Chunk(first, first + size, records)
            first, records = first + size, []
        records.append((offset, value.encode() if isinstance(value, str) else value))
    while first < end:
        yield Chunk(first, min(end, first + size), records)
        first, records = first + size, []


def read_range(properties: clients.Properties, topic: str, partition: int, span: tuple[int, int]) -> Iterator[Message]:
    """Yield the records of a range that are still there.

    Raises:
        KafkaException: the brokers refused, or did not answer for half a minute.
    """
    kept = offsets.starts(clients.admin(properties), topic, [partition])[partition]
    yield from _range(properties, topic, partition, (max(kept, span[0]), span[1]))


def _range(properties: clients.Properties, topic: str, partition: int, span: tuple[int, int]) -> Iterator[Message]:
    first, end = span
    if first >= end:
        return
    consumer = clients.reader(properties, enable_partition_eof=True)
    try:
        consumer.assign([TopicPartition(topic, partition, first)])
        silent = 0
        while silent < _PATIENCE:
            messages = consumer.consume(1, timeout=_LOOK)
            messages += consumer.consume(_BATCH, timeout=_GATHER) if messages else []
            silent = 0 if messages else silent + 1
            for message in messages:
                if _checked(message, first):
                    yield message
                if _reached(message) >= end:
                    return
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{topic}/{partition} is not read on"))  # noqa: SLF001
    finally:
        consumer.close()


def _reached(message: Message) -> int:
    """Return the offset after a record, or that of the end of its partition."""
    return (message.offset() or 0) + (message.error() is None)


def _checked(message: Message, first: int) -> bool:
    """Return whether it is a record and not the end of a partition.

    Raises:
        GoneError: retention was faster.
        KafkaException: it is an error.
    """
    error = message.error()
    if error is None:
        return True
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - the name librdkafka gives it
        raise GoneError(f"{message.topic()}/{message.partition()}: retention has deleted records from {first} on")
    if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
        raise KafkaException(error)
    return False


def read_at(
    properties: clients.Properties, topic: str, places: Iterable[Place]
) -> Iterator[tuple[Place, Message | None]]:
    """Yield the records at single places, in the order of their places; None for one that is not there any more.

    Raises:
        KafkaException: the brokers refused.
    """
    wanted = sorted(set(places))
    admin = clients.admin(properties)
    own = sorted({partition for partition, _ in wanted})
    starts, ends = offsets.starts(admin, topic, own), offsets.ends(admin, topic, own)
    consumer = clients.reader(properties, fetch_message_max_bytes=MAX_ITEM_BYTES)
    try:
        for partition, group in groupby(wanted, key=itemgetter(0)):
            at = -1
            for place in group:
                if not starts[partition] <= place[1] < ends[partition]:
                    yield place, None
                    continue
                if at < 0 or not at <= place[1] <= at + _NEAR:
                    consumer.assign([TopicPartition(topic, partition, place[1])])
                message = _reach(consumer, place[1])
                at = -1 if message is None else _reached(message)
                yield place, message if at == place[1] + 1 else None
    finally:
        consumer.close()


def _reach(consumer: Consumer, offset: int) -> Message | None:
    """Return the record at an offset, or the first one after it; None where retention was faster."""
    for _ in range(_PATIENCE):
        message = consumer.poll(_LOOK)
        if message is None:
            continue
        try:
            found = _checked(message, offset)
        except GoneError:
            return None
        if found and _reached(message) > offset:
            return message
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "an item is not read on"))  # noqa: SLF001


def shadow_names(prefix: str, live: TopicNames, existing: Collection[str]) -> TopicNames:
    """Return the names of a replay's own topics, if none of them is, or may be, a live one.

    Kafka takes names that differ in `.` and `_` alone for the same where it names metrics, and so does this.

    Args:
        prefix: of the replay's topics.
        live: the names of the live ones.
        existing: all topics that there are.

    Raises:
        LiveTopicError: one is a live topic, or belongs to another live set of topics.
    """
    names = TopicNames(prefix)
    same = sorted(set(map(_plain, replay_topics(names))) & set(map(_plain, _all_of(live))))
    if same:
        raise LiveTopicError(f"the prefix {prefix!r} names live topics, such as {live.decisions}")
    present = set(map(_plain, existing))
    beside = [prefix + name for name in _LIVE_ALONE if _plain(prefix + name) in present]
    if beside:
        raise LiveTopicError(f"{beside[0]} is there, so that {prefix}* is a live set of topics, of another Sluice")
    return names


def replay_topics(names: TopicNames) -> list[str]:
    """Return the topics that a replay may write: the log of decisions, and one for each action."""
    return [names.decisions, *(names.action(action) for action in ("accept", "review", "reject"))]


def _all_of(live: TopicNames) -> list[str]:
    return [*replay_topics(live), *(live.prefix + name for name in (*_LIVE_ALONE, "alarms", "labels", "audit"))]


def _plain(name: str) -> str:
    return name.replace(".", "_")
