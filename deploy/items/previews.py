"""Thumbnails and excerpts of some items: each is read by itself from where it lies on `items`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from deploy.report.previews import Preview, preview
from streams import clients, offsets
from streams.messages import headers_of

Place = tuple[int, int]
"""Partition and offset on `items`."""

_NEAR: Final = 64  # offsets: what lies closer is come to by reading on
_PATIENCE: Final = 20  # polls of half a second without a record: the item is not to be had


def read_previews(
    properties: clients.Properties, topic: str, places: Iterable[Place], advance: Callable[[int], None], room: int
) -> Mapping[Place, Preview]:
    """Return the previews of items by their places; those that are gone or cannot be shown are left out.

    Args:
        properties: of the brokers.
        topic: `items`.
        places: of the items that are wanted.
        advance: told how many further items were read.
        room: characters that all previews together may take; the rest is left out.

    Raises:
        KafkaException: the brokers refused.
    """
    found: dict[Place, Preview] = {}
    for place, message in _messages(properties, topic, sorted(set(places))):
        advance(1)
        made = preview(headers_of(message), message.key(), message.value()) if message is not None else None
        if made is not None and made.size <= room:
            room -= made.size
            found[place] = made
    return found


def _messages(
    properties: clients.Properties, topic: str, places: list[Place]
) -> Iterator[tuple[Place, Message | None]]:
    admin = clients.admin(properties)
    own = sorted({partition for partition, _ in places})
    starts, ends = offsets.starts(admin, topic, own), offsets.ends(admin, topic, own)
    consumer = clients.reader(properties)
    try:
        for partition, group in groupby(places, key=itemgetter(0)):
            at = -1
            for place in group:
                if not starts[partition] <= place[1] < ends[partition]:
                    yield place, None
                    continue
                if at < 0 or not at <= place[1] <= at + _NEAR:
                    consumer.assign([TopicPartition(topic, partition, place[1])])
                message = _reach(consumer, place[1])
                at = -1 if message is None else (message.offset() or 0) + 1
                yield place, message if at == place[1] + 1 else None
    finally:
        consumer.close()


def _reach(consumer: Consumer, offset: int) -> Message | None:
    """Return the record at an offset, or the first one after it, or None where none comes."""
    waited = 0
    while waited < _PATIENCE:
        message = consumer.poll(0.5)
        if message is None:
            waited += 1
            continue
        error = message.error()
        if error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - librdkafka's name
            return None  # retention was faster
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            raise KafkaException(error)
        if error is None and (message.offset() or 0) >= offset:
            return message
    return None
