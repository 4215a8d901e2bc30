"""What the topics hold of one parent. Only its own partition is read: murmur2 of its id tells which one that is."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message, murmur2
from pydantic import ValidationError

from deploy import answers
from deploy.answers import Record
from deploy.explain.published import Published
from deploy.settings import Settings
from schemas import wire
from schemas.decisions import Decision
from schemas.items import RawItem
from streams import clients, envelope, groupoffsets, offsets
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
        decisions: its decisions in the order in which they were made.
        records: its records on `scores`, from its first window's first one on.
        unanswered: indices on `items` that no worker has answered; looked for only where there is no decision.
        dead: its dead letters.
        others: the latest decisions about other parents, the latest one last.
        markers: which policy versions were activated in its partition, by offset.
        scores_from: first offset that retention has left of its scores.
        policies: the versions that were published.
    """

    parent_id: str
    partition: int
    decisions: Sequence[Decision]
    records: Sequence[Record]
    unanswered: Sequence[int]
    dead: Sequence[DeadLetter]
    others: Sequence[Decision]
    markers: Sequence[tuple[int, wire.PolicyActivated]] = ()
    scores_from: int = 0
    policies: Published = field(default_factory=Published)

    @property
    def log(self) -> list[tuple[int, wire.ScoreRecord]]:
        """Its records and the markers between them, by offset."""
        found: list[tuple[int, wire.ScoreRecord]] = [(record.offset, record.value) for record in self.records]
        return sorted([*found, *self.markers], key=operator.itemgetter(0))

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
    own = [one for one in decisions if one.parent_id == parent_id]
    admin = clients.admin(properties)
    committed = groupoffsets.committed(properties, settings.decide_group, names.scores, [partition])[partition]
    # an open window never begins before what its decider has committed
    first = min((one.first_offset for one in own), default=committed)
    records, markers = _records(properties, names, partition, first, parent_id)
    answered = groupoffsets.committed(properties, settings.score_group, names.items, [partition])[partition]
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
        markers=markers,
        scores_from=offsets.starts(admin, names.scores, [partition])[partition],
        policies=Published.of((one.key(), one.value()) for one in read_from(properties, names.policies, {0: 0})),
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
) -> tuple[list[Record], list[tuple[int, wire.PolicyActivated]]]:
    """Return a parent's records from an offset on, and the policies that were activated between them."""
    records, markers = [], []
    for message in read_from(properties, names.scores, {partition: first}):
        offset, value = message.offset() or 0, message.value()
        record = answers.read(offset, value)
        if record is None:
            marker = answers.read_marker(value)
            markers += [] if marker is None else [(offset, marker)]
        elif record.value.parent_id == parent_id:
            records.append(record)
    return records, markers


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
