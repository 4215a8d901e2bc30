"""What the topics know of the parents that labels name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from confluent_kafka import murmur2

from deploy.settings import Settings
from streams import clients
from streams.history import read_from
from streams.topics import TopicNames

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Kind and source of a parent, as its latest decision has them."""

    kind: str
    source: str


_origin = msgspec.json.Decoder(Origin)


def known_parents(properties: clients.Properties, settings: Settings, parents: Iterable[str]) -> dict[str, Origin]:
    """Return those of some parents that have a decision, with its kind and source.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    wanted = {parent.encode() for parent in parents}
    partitions = {murmur2(parent, settings.partitions) for parent in wanted}
    topic, found = TopicNames(settings.topic_prefix).latest, dict[str, Origin]()
    for message in read_from(properties, topic, dict.fromkeys(partitions, 0)):
        key = message.key()
        if key not in wanted or not isinstance(key, bytes):
            continue
        try:
            found[key.decode()] = _origin.decode(message.value() or b"")
        except _UNREADABLE:
            found.pop(key.decode(errors="replace"), None)  # erased, or somebody else's record
    return found
