"""Scored items from the topic `scores`, one at a time: nothing is kept of them but which were seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec
from confluent_kafka import murmur2

from deploy.items.record import Decided, Item
from deploy.settings import Settings
from schemas.scores import ItemScored
from streams import clients, offsets
from streams.history import read_from
from streams.topics import TopicNames

Advance = Callable[[int], None]
"""Told how many further records have been read."""

_STEP: Final = 1_000  # records between two steps of the bar
_CLOCKS_MS: Final = 60_000  # by which the clocks of two brokers may differ
_SCORED: Final = str(ItemScored.model_fields["type"].default)


class _Typed(msgspec.Struct):
    type: str


class _Scored(Item, frozen=True, tag_field="type", tag=_SCORED, gc=False, kw_only=True):
    """A record on `scores`; where it lies is not in it."""


class _Latest(Decided, frozen=True, tag_field="type", tag="Decision", kw_only=True):
    parent_id: str


_scored = msgspec.json.Decoder(_Scored)
_typed = msgspec.json.Decoder(_Typed)
_latest = msgspec.json.Decoder(_Latest)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)


@dataclass(slots=True)
class Passed:
    """What was read besides scored items: other records by type, and those that make no sense."""

    others: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0


class Scores:
    """The topic `scores`, or the part of it that can hold what is asked for."""

    def __init__(
        self, properties: clients.Properties, settings: Settings, *, parent: str | None = None, since: int | None = None
    ) -> None:
        """Ask the brokers where to begin and to end.

        Args:
            properties: of the brokers.
            settings: name the topics.
            parent: read this parent's partition alone.
            since: what the broker appended before this time (ms since 1970) need not be read.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        self._properties, self._topic = properties, TopicNames(settings.topic_prefix).scores
        own = range(settings.partitions) if parent is None else [murmur2(parent.encode(), settings.partitions)]
        admin = clients.admin(properties)
        self._starts = offsets.starts(admin, self._topic, own)
        ends = offsets.ends(admin, self._topic, own)
        if since is not None:
            # a score is appended after its item, so that none of a later item lies before it
            found = offsets.at_times(admin, self._topic, dict.fromkeys(own, max(0, since - _CLOCKS_MS)))
            self._starts = {number: found.get(number, ends[number]) for number in own}
        self.total = sum(max(0, ends[number] - start) for number, start in self._starts.items())
        self.passed = Passed()

    def read(self, advance: Advance) -> Iterator[Item]:
        """Yield the scored items, in the order of their records within each partition.

        Raises:
            KafkaException: the brokers refused.
        """
        passed, waiting = self.passed, 0
        for message in read_from(self._properties, self._topic, self._starts):
            waiting += 1
            if waiting == _STEP:
                advance(waiting)
                waiting = 0
            item = decode(message.value(), message.partition() or 0, message.offset() or 0)
            if isinstance(item, Item):
                yield item
            elif item is None:
                passed.unreadable += 1
            else:
                passed.others[item] += 1
        advance(waiting)


def decode(value: bytes | None, partition: int, offset: int) -> Item | str | None:
    """Return the item of a record, or the type of a record of another one, or None where it makes no sense."""
    try:
        found = _scored.decode(value or b"")
    except _UNREADABLE:
        return _type_of(value)
    return msgspec.structs.replace(found, partition=partition, offset=offset)


def _type_of(value: bytes | None) -> str | None:
    try:
        name = _typed.decode(value or b"").type
    except _UNREADABLE:
        return None
    return None if name == _SCORED else name


def read_decisions(properties: clients.Properties, settings: Settings, parent: str | None = None) -> dict[str, Decided]:
    """Return the latest decision of each parent, or of one, by the parent's id.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    topic = TopicNames(settings.topic_prefix).latest
    own = range(settings.partitions) if parent is None else [murmur2(parent.encode(), settings.partitions)]
    found: dict[str, Decided] = {}
    for message in read_from(properties, topic, dict.fromkeys(own, 0)):
        one = decode_decision(message.value())
        if one is not None:
            found[one[0]] = one[1]
    return found


def decode_decision(value: bytes | None) -> tuple[str, Decided] | None:
    """Return a decision's parent and what it says; None for what is no decision."""
    try:
        found = _latest.decode(value or b"")
    except _UNREADABLE:
        return None
    return found.parent_id, Decided(found.action, found.label, found.score)
