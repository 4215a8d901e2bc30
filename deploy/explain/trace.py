"""What the topics hold of one parent. Only its own partition is read: murmur2 of its id tells which one that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from confluent_kafka import Message, murmur2
from pydantic import ValidationError

from deploy import answers
from deploy.answers import Record
from deploy.settings import Settings
from schemas.decisions import Decision
from schemas.items import RawItem
from streams import clients, envelope, offsets
from streams.history import read_from
from streams.messages import headers_of
from streams.topics import TopicNames

_RECENT = 1_000  # decisions of each partition whose parents may have been meant
_ERRORS = "__connect.errors."


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of the parent that could not be read, and where it came from."""

    offset: int
    topic: str
    place: tuple[int, int]  # its partition and offset there
    stage: str
    cause: str
    detail: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found of a parent.

    Attributes:
        partition: the parent's, on every topic.
        decisions: its decisions, the earliest revision first.
        records: its records on `scores`, from its window's first one on.
        unanswered: indices on `items` that no worker has answered; looked for only where there is no decision.
        dead: its dead letters.
        others: the latest decisions about other parents, the latest one last.
    """

    parent_id: str
    partition: int
    decisions: Sequence[Decision]
    records: Sequence[Record]
    unanswered: Sequence[int]
    dead: Sequence[DeadLetter]
    others: Sequence[Decision]

    @property
    def known(self) -> bool:
        """Whether any topic has anything of it."""
        return bool(self.decisions or self.records or self.unanswered or self.dead)


def trace(properties: clients.Properties, settings: Settings, parent_id: str) -> Trace:
    """Read what the topics hold of a parent.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    names, partition = TopicNames(settings.topic_prefix), murmur2(parent_id.encode(), settings.partitions)
    decisions = list(_decisions(properties, names, {partition: 0}))
    own = sorted((one for one in decisions if one.parent_id == parent_id), key=lambda one: (one.window, one.revision))
    admin = clients.admin(properties)
    committed = offsets.committed(admin, settings.decide_group, names.scores, [partition])[partition]
    # an open window never begins before what its decider has committed
    first = min((one.first_offset for one in own), default=committed)
    records = list(_records(properties, names, partition, first, parent_id))
    answered = offsets.committed(admin, settings.score_group, names.items, [partition])[partition]
    return Trace(
        parent_id=parent_id,
        partition=partition,
        decisions=own,
        records=records,
        unanswered=[] if own else _unanswered(properties, names, (partition, answered), parent_id, records),
        dead=[
            _dead_letter(message)
            for message in read_from(properties, names.dead_letters, {partition: 0})
            if message.key() == parent_id.encode()
        ],
        others=[one for one in decisions if one.parent_id != parent_id],
    )


def recent_parents(properties: clients.Properties, settings: Settings) -> list[str]:
    """Return the parents of the latest decisions in all partitions, for a name that was misspelt.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    names = TopicNames(settings.topic_prefix)
    ends = offsets.ends(clients.admin(properties), names.decisions, range(settings.partitions))
    starts = {partition: max(0, end - _RECENT) for partition, end in ends.items()}
    return list(dict.fromkeys(one.parent_id for one in _decisions(properties, names, starts)))


def _decisions(properties: clients.Properties, names: TopicNames, starts: dict[int, int]) -> Iterator[Decision]:
    for message in read_from(properties, names.decisions, starts):
        try:
            yield Decision.model_validate_json(message.value() or b"")
        except ValidationError:
            continue  # somebody else's record, which the deciders pass over too


def _records(
    properties: clients.Properties, names: TopicNames, partition: int, first: int, parent_id: str
) -> Iterator[Record]:
    for message in read_from(properties, names.scores, {partition: first}):
        record = answers.read(message.offset() or 0, message.value())
        if record is not None and record.value.parent_id == parent_id:
            yield record


def _unanswered(
    properties: clients.Properties, names: TopicNames, start: tuple[int, int], parent_id: str, records: Sequence[Record]
) -> list[int]:
    """Return the indices of items that wait for a worker; they lie above what the workers have committed."""
    partition, offset = start
    done = {(record.place.item_partition, record.place.item_offset) for record in records}
    found = set()
    for message in read_from(properties, names.items, {partition: offset}):
        if message.key() != parent_id.encode() or (message.partition(), message.offset()) in done:
            continue
        try:
            item = envelope.parse(headers_of(message), message.key(), message.value())
        except envelope.EnvelopeError:
            continue  # it will be a dead letter
        if isinstance(item, RawItem):
            found.add(item.envelope.index)
    return sorted(found)


def _dead_letter(message: Message) -> DeadLetter:
    headers = dict(headers_of(message) or [])

    def told(name: str) -> str:
        value = headers.get(_ERRORS + name)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""

    def number(name: str) -> int:
        return int(told(name)) if told(name).isdecimal() else -1

    return DeadLetter(
        offset=message.offset() or 0,
        topic=told("topic"),
        place=(number("partition"), number("offset")),
        stage=told("stage"),
        cause=told("class.name"),
        detail=told("exception.message"),
    )
