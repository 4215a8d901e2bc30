"""Recovery of the partitions that a decider has been given. The order of the steps is the proof (see README.md).

1. The committed offset, read_committed: waits until no transaction has offsets pending. A time-out means try again.
2. Then the end of `decisions`, READ_UNCOMMITTED: so that an open transaction is waited for and not passed over.
3. `decisions` up to that end, read_committed. Each decision found there is recalled.
4. Then the loop seeks `scores` to the committed offset.
5. A committed offset below the log's start is named: windows that open there are decided as truncated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import checkpoint
from schemas.checkpoint import Checkpoint
from streams import clients, offsets
from streams.gates import Gate, MakeGate, Notify, Owned
from streams.topics import TopicNames

_log = logging.getLogger("sluice.decide")
_STEP_TIMEOUT = 1.0  # s; a step that has no answer by then is tried again, so that the loop keeps polling
_BATCH = 5_000


class PartitionCountError(Exception):
    """The number of partitions was changed, which splits parents."""


@dataclass(slots=True)
class _Recovery:
    partition: int
    started: float
    gate: Gate | None = None
    start_at: Checkpoint | None = None
    decisions_from: int = 0
    decisions_end: int = 0
    warned: bool = False


class Recoverer:
    """Brings partitions from `assigned` to `owned`, a step at a time, so that the loop can go on polling."""

    def __init__(self, properties: clients.Properties, names: TopicNames, partitions: int, make_gate: MakeGate) -> None:
        """Open the clients that recovery reads with."""
        self._names = names
        self._partitions = partitions
        self._make_gate = make_gate
        self._admin: AdminClient = clients.admin(properties)
        self._reader: Consumer = clients.reader(properties, enable_partition_eof=True)
        self._waiting: dict[int, _Recovery] = {}

    @property
    def busy(self) -> bool:
        """Whether a partition is being recovered."""
        return bool(self._waiting)

    def begin(self, partitions: Iterable[int]) -> None:
        """Start over with these partitions; nothing is kept of what was known about them.

        Raises:
            PartitionCountError: a partition was added while this process ran.
        """
        partitions = list(partitions)
        added = [partition for partition in partitions if partition >= self._partitions]
        if added:
            raise PartitionCountError(_split(self._names.scores, max(added) + 1, self._partitions))
        self.drop(partitions)
        self._waiting.update({partition: _Recovery(partition, time.monotonic()) for partition in partitions})

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget partitions that are not ours any more."""
        for partition in partitions:
            recovery = self._waiting.pop(partition, None)
            if recovery is not None and recovery.gate is not None:
                self._reader.incremental_unassign([TopicPartition(self._names.decisions, partition)])

    def close(self) -> None:
        """Close the clients."""
        self._reader.close()

    def step(self, group: Consumer, notify: Notify) -> list[Owned]:
        """Go on with every partition as far as it can without waiting for long.

        Args:
            group: the consumer that the partitions were assigned to.
            notify: told of each truncated partition.

        Returns:
            The partitions that are recovered, each with its gate; `scores` is to be read from `gate.position`.

        Raises:
            PartitionCountError: the topics had another number of partitions when the offset was committed.
            UnreadableCheckpointError: the committed metadata is not ours.
        """
        try:
            fresh = [recovery for recovery in self._waiting.values() if recovery.gate is None]
            if fresh:
                self._locate(group, fresh, notify)
            return self._read()
        except KafkaException as exception:
            _log.info("recovery waits: %s", exception.args[0])
            return []
        finally:
            self._warn()

    def _locate(self, group: Consumer, fresh: list[_Recovery], notify: Notify) -> None:
        wanted = [TopicPartition(self._names.scores, recovery.partition) for recovery in fresh]
        committed = group.committed(wanted, timeout=_STEP_TIMEOUT)
        stable = {found.partition: found for found in committed if found.error is None}
        # only now: a decision of a transaction that the offsets above do not hold yet lies before this end
        numbers = [recovery.partition for recovery in fresh if recovery.partition in stable]
        ends = offsets.ends(self._admin, self._names.decisions, numbers)
        starts = offsets.starts(self._admin, self._names.decisions, numbers)
        score_starts = offsets.starts(self._admin, self._names.scores, numbers)
        score_ends = offsets.ends(self._admin, self._names.scores, numbers)
        for recovery in fresh:
            number = recovery.partition
            if number not in stable:
                continue
            start_at, decisions_from = self._resume(stable[number])
            if start_at.low_watermark < score_starts[number]:
                notify("truncated", partition=number, committed=start_at.low_watermark, start=score_starts[number])
                start_at = replace(
                    start_at,
                    low_watermark=score_starts[number],
                    truncated_below=score_ends[number],
                    policy="",  # a marker may be among what was deleted
                )
            recovery.start_at = start_at
            recovery.decisions_from = max(decisions_from, starts[number])
            recovery.decisions_end = ends[number]
            recovery.gate = self._make_gate(number, start_at)
            self._reader.incremental_assign([TopicPartition(self._names.decisions, number, recovery.decisions_from)])

    def _resume(self, committed: TopicPartition) -> tuple[Checkpoint, int]:
        if committed.offset < 0:
            return Checkpoint(0, 0, 0), 0
        metadata = checkpoint.decode(committed.metadata or "")
        if metadata.partitions != self._partitions:
            raise PartitionCountError(_split(self._names.scores, self._partitions, metadata.partitions))
        start_at = Checkpoint(
            committed.offset, metadata.position, metadata.stream_time, metadata.truncated_below, metadata.policy
        )
        return start_at, metadata.decisions_from

    def _read(self) -> list[Owned]:
        reading = {r.partition: r for r in self._waiting.values() if r.gate is not None}
        reached = {number for number, r in reading.items() if r.decisions_from >= r.decisions_end}
        if reading.keys() - reached:
            for message in self._reader.consume(_BATCH, timeout=0.05):
                recovery = reading.get(_number(message.partition()))
                if recovery is not None and self._at_end(message, recovery):
                    reached.add(recovery.partition)
        return [self._finish(reading[number]) for number in sorted(reached) if self._waiting[number] is reading[number]]

    def _at_end(self, message: Message, recovery: _Recovery) -> bool:
        try:
            return _recall(message, recovery) >= recovery.decisions_end
        except KafkaException as exception:  # decisions may have been passed over: this partition starts over
            _log.warning("recovery of partition %d starts over: %s", recovery.partition, exception.args[0])
            self.begin([recovery.partition])
            return False

    def _finish(self, recovery: _Recovery) -> Owned:
        self.drop([recovery.partition])
        if recovery.gate is None or recovery.start_at is None:
            raise RuntimeError("a partition was finished before its gate was made")
        return Owned(recovery.partition, recovery.gate, recovery.decisions_from)

    def _warn(self) -> None:
        for recovery in self._waiting.values():
            waited = time.monotonic() - recovery.started
            if waited > 30.0 and not recovery.warned:  # noqa: PLR2004 - longer than any takeover should last
                recovery.warned = True
                _log.warning("partition %d is not recovered after %.0f s", recovery.partition, waited)


def _split(topic: str, now: int, before: int) -> str:
    return (
        f"{topic} has {now} partitions and had {before} when its offsets were committed, so parents are split."
        " Make a new topic set (SLUICE_TOPIC_PREFIX) and drain this one"
    )


def _recall(message: Message, recovery: _Recovery) -> int:
    """Take one message of `decisions`, or the sign that its readable end was reached; return the next offset."""
    offset = _number(message.offset())
    error = message.error()
    if error is None:
        value = message.value()
        if recovery.gate is not None and not recovery.gate.recall(value if isinstance(value, bytes) else b""):
            _log.warning("offset %d of %s is no decision; it is passed over", offset, message.topic())
        return offset + 1
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the name librdkafka gives it
        return offset
    raise KafkaException(error)


def _number(value: int | None) -> int:
    return -1 if value is None else value
