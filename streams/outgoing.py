"""What one transaction holds: decisions, dead letters and offsets, as they stand when it begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import TopicPartition

from schemas.checkpoint import FORMAT, Checkpoint, Metadata, encode
from streams.gates import DecideSettings, Owned, Verdict
from streams.topics import TopicNames

Messages = list[dict[str, Any]]


@dataclass(slots=True)
class Outgoing:
    """The records of one transaction, by topic and partition, and what it commits."""

    by_place: dict[tuple[str, int], Messages] = field(default_factory=dict)
    with_headers: Messages = field(default_factory=list)
    offsets: list[TopicPartition] = field(default_factory=list)
    moved: list[tuple[Owned, Checkpoint]] = field(default_factory=list)
    by_cause: Counter[str] = field(default_factory=Counter)  # decisions by ACTION/CAUSE

    @property
    def decisions(self) -> int:
        """How many decisions it holds."""
        return self.by_cause.total()

    def add(self, names: TopicNames, partition: int, verdicts: Sequence[Verdict]) -> None:
        """Add the decisions of a partition: each to the log, to `latest` and to the topic of its action.

        What a decision withdraws goes to the topic of the earlier action.
        """
        messages = [{"key": verdict.key, "value": verdict.value} for verdict in verdicts]
        self.by_place[names.decisions, partition] = messages
        self.by_place[names.latest, partition] = messages
        by_action: dict[str, Messages] = {}
        for verdict, message in zip(verdicts, messages, strict=True):
            by_action.setdefault(verdict.action, []).append(message)
            withdrawn = verdict.withdrawal
            if withdrawn is not None:
                by_action.setdefault(withdrawn.action, []).append({"key": verdict.key, "value": withdrawn.value})
        for action, chosen in by_action.items():
            self.by_place[names.action(action), partition] = chosen
        for (action, cause), count in Counter([(one.action, one.cause) for one in verdicts]).items():
            self.by_cause[f"{action}/{cause}"] += count


class Gatherer:
    """Takes what is ready. The partitions take turns at being first, so that a busy one starves no other."""

    def __init__(self, settings: DecideSettings) -> None:
        """Take what names the topics and stands in the offsets' metadata."""
        self._settings = settings
        self._turn = 0

    def gather(self, owned: Iterable[Owned], limit: int) -> Outgoing:
        """Take decisions from the gates, and the dead letters.

        Args:
            owned: the partitions; where any record is sent, the offsets of all of them are too. It is with the
                offsets that the broker checks the generation: records without any would not be fenced.
            limit: how many decisions at most; the rest stays with the gates.
        """
        outgoing = Outgoing()
        owned = self._in_turn(list(owned))
        for one in owned:
            verdicts = one.gate.take(limit - outgoing.decisions)
            if verdicts:
                outgoing.add(self._settings.names, one.partition, verdicts)
            outgoing.with_headers += [{"topic": self._settings.names.dead_letters, **message} for message in one.dead]
            one.dead.clear()
        everything = bool(outgoing.by_place or outgoing.with_headers)
        for one in owned:
            mark = one.gate.checkpoint()
            if everything or mark != one.committed:
                outgoing.offsets.append(_offset(self._settings, one, mark))
                outgoing.moved.append((one, mark))
        return outgoing

    def _in_turn(self, owned: list[Owned]) -> list[Owned]:
        if not owned:
            return owned
        first = self._turn = (self._turn + 1) % len(owned)
        return owned[first:] + owned[:first]


def _offset(settings: DecideSettings, one: Owned, mark: Checkpoint) -> TopicPartition:
    metadata = Metadata(
        FORMAT,
        settings.partitions,
        mark.position,
        mark.stream_time,
        one.decisions_from,
        truncated_below=mark.truncated_below,
        policy=mark.policy,
    )
    return TopicPartition(settings.names.scores, one.partition, mark.low_watermark, encode(metadata))
