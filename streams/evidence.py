"""When nothing flows in a partition, only evidence that nothing is on its way lets the wall clock close a window.

A paused or dead worker, a cut broker and a stopped process all look idle. So at the deadline the ends of `items` are
noted; when the workers' committed offsets have passed them, the end of `scores` is noted; when the gate has passed that
one too, every item that was there at the deadline has been answered and applied.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams import clients, offsets
from streams.gates import Owned
from streams.groupoffsets import GroupOffsets
from streams.topics import TopicNames, partition_count

_log = logging.getLogger("sluice.decide")
_EVERY = 0.25  # s between looks at the brokers


class _Stage(Enum):
    FLOWING = auto()
    WORKERS_BEHIND = auto()
    GATE_BEHIND = auto()


@dataclass(slots=True)
class _Watch:
    stream_time: int = 0
    since: float = 0.0
    stage: _Stage = _Stage.FLOWING
    deadline: int = 0
    items: dict[int, int] | None = None
    scores: int = 0


class EvidenceCollector:
    """Watches the partitions whose next window is due by the wall clock."""

    def __init__(self, properties: clients.Properties, names: TopicNames, score_group: str, partitions: int) -> None:
        """Name the workers' group; `partitions` is the count of `scores`."""
        self._admin: AdminClient = clients.admin(properties)
        self._properties = properties
        self._workers: GroupOffsets | None = None
        self._names = names
        self._group = score_group
        self._partitions = partitions
        self._item_partitions = 0
        self._watches: dict[int, _Watch] = {}
        self._looked = 0.0

    @property
    def waiting(self) -> list[int]:
        """Partitions with a window that is due by the wall clock and waits for evidence."""
        return [number for number, watch in self._watches.items() if watch.stage is not _Stage.FLOWING]

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget partitions that are not ours any more."""
        for partition in partitions:
            self._watches.pop(partition, None)

    def close(self) -> None:
        """Close what asks for the workers' offsets."""
        if self._workers is not None:
            self._workers.close()

    def collect(self, owned: Iterable[Owned], monotonic: float) -> list[tuple[Owned, int]]:
        """Look which partitions may close windows by the wall clock.

        Args:
            owned: the partitions that are ours and recovered.
            monotonic: a clock in s that never goes back.

        Returns:
            Each such partition with the stream time (ms) that it may be closed up to.
        """
        for one in owned:
            self._observe(one, monotonic)
        if monotonic - self._looked < _EVERY:
            return []
        self._looked = monotonic
        proven = []
        for one in owned:
            watch = self._watches[one.partition]
            try:
                if self._proven(one, watch, monotonic):
                    proven.append((one, watch.deadline))
                    watch.stage = _Stage.FLOWING
            except KafkaException as exception:  # no answer is no evidence
                _log.info("partition %d waits for evidence: %s", one.partition, exception.args[0])
        return proven

    def _observe(self, one: Owned, monotonic: float) -> None:
        watch = self._watches.setdefault(one.partition, _Watch(one.gate.stream_time, monotonic))
        if one.gate.stream_time != watch.stream_time:
            watch.stream_time = one.gate.stream_time
            watch.since = monotonic

    def _proven(self, one: Owned, watch: _Watch, monotonic: float) -> bool:
        if watch.stage is _Stage.FLOWING:
            due = one.gate.next_deadline()
            now = watch.stream_time + int((monotonic - watch.since) * 1000)
            if due is None or due > now:
                return False
            watch.deadline = now
            watch.items = self._unexpired_ends(self._sources(one.partition))
            watch.stage = _Stage.WORKERS_BEHIND
        if watch.stage is _Stage.WORKERS_BEHIND:
            if not self._answered(watch.items or {}):
                return False
            watch.scores = offsets.ends(self._admin, self._names.scores, [one.partition])[one.partition]
            watch.stage = _Stage.GATE_BEHIND
        return one.gate.position >= watch.scores

    def _unexpired_ends(self, partitions: list[int]) -> dict[int, int]:
        ends = offsets.ends(self._admin, self._names.items, partitions)
        starts = offsets.starts(self._admin, self._names.items, partitions)
        return {partition: end for partition, end in ends.items() if end > starts[partition]}

    def _sources(self, partition: int) -> list[int]:
        """Return the partitions of `items` whose answers go to a partition of `scores`."""
        if not self._item_partitions:
            self._item_partitions = partition_count(self._admin, self._names.items)
        return [partition] if self._item_partitions == self._partitions else list(range(self._item_partitions))

    def _answered(self, noted: dict[int, int]) -> bool:
        if not noted:
            return True
        if self._workers is None:
            self._workers = GroupOffsets(self._properties, self._group)
        done = self._workers.committed(self._names.items, noted)
        return all(done.get(partition, 0) >= end for partition, end in noted.items())
