"""Reading what the view shows from the topics, from its start to their end: after a start, and after any kill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from pydantic import ValidationError

from schemas.alarms import Alarm
from schemas.policy import Action
from streams import clients, offsets
from streams.history import read_from, read_whole
from streams.topics import TopicNames

Place = tuple[str, int]
"""Topic and partition."""

_LEEWAY: Final = 300_000  # ms; a decision is written a while after it was made, most when its transaction had trouble
_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """A record of a decision topic."""

    place: Place
    offset: int
    value: bytes | None
    at: int  # when it was written, ms since 1970 UTC


def begins(admin: AdminClient, names: TopicNames, partitions: int, span_ms: int) -> dict[Place, int]:
    """Return where to begin in each partition in order to see all decisions of the last so many ms.

    The last ones before the newest record, that is, whenever it was written.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    topics = [names.action(action.value) for action in Action]
    # the ends before the times: what is written in between is read by the loop that begins there
    found = {(topic, n): end for topic in topics for n, end in offsets.ends(admin, topic, range(partitions)).items()}
    since = _newest(admin, found) - span_ms - _LEEWAY
    for topic in topics:
        times = dict.fromkeys(range(partitions), max(0, since))
        found |= {(topic, n): offset for n, offset in offsets.at_times(admin, topic, times).items()}
    return found


def _newest(admin: AdminClient, places: Iterable[Place]) -> int:
    """Return the time stamp of the newest record; 0 where there is none."""
    wanted = {TopicPartition(*place): OffsetSpec.max_timestamp() for place in places}  # type: ignore[no-untyped-call]
    answers = admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_TIMEOUT)
    stamps: list[int] = [answer.result().timestamp for answer in answers.values()]
    return max([0, *stamps])


def decisions(properties: clients.Properties, starts: dict[Place, int]) -> Iterator[Found]:
    """Yield what the decision topics have now, read_committed.

    Raises:
        KafkaException: the brokers refused.
    """
    for topic in sorted({topic for topic, _ in starts}):
        begin = {number: offset for (name, number), offset in starts.items() if name == topic}
        for message in read_from(properties, topic, begin):
            value = message.value()
            raw = value.encode() if isinstance(value, str) else value
            yield Found((topic, message.partition() or 0), message.offset() or 0, raw, message.timestamp()[1])


def alarms(properties: clients.Properties, names: TopicNames) -> Iterator[Alarm]:
    """Yield the alarms that were told, in their order.

    Raises:
        KafkaException: the brokers refused.
    """
    for message in read_whole(properties, names.alarms, 1):
        try:
            yield Alarm.model_validate_json(message.value() or b"")
        except ValidationError:
            continue  # somebody else's record
