"""Where a loop stands, for those who ask from another thread: health checks and metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaException, TopicPartition

_LAG_EVERY = 1.0  # s


@dataclass(frozen=True, slots=True)
class Standing:
    """One look at a loop."""

    turned_at: float  # monotonic s of the last turn; 0.0 before the first
    joined: bool  # whether the group has told it its partitions, which may be none for a replica too many
    owned: int  # partitions that it works on
    recovering: int  # partitions that it was given and cannot work on yet
    draining: bool
    lag: Mapping[int, int]  # by partition: records that are there and not dealt with, where the end is known
    halted: str = ""  # why it takes no part in its group, for people


@dataclass(slots=True)
class Flow:
    """What a scoring loop did since it was made, in messages, and what it has in flight."""

    taken: int = 0
    finished: int = 0  # outcomes that the brokers have acknowledged
    dead_letters: int = 0
    refused: int = 0  # messages that are no items
    withdrawn: int = 0  # messages given back before they were begun, for the next owner
    shadows_lost: int = 0  # answers of candidates in shadow that the brokers refused
    items: int = 0  # in flight
    bytes: int = 0  # in flight


@dataclass(slots=True)
class LagWatch:
    """Looks at the ends of partitions as the consumer knows them, once a second: it asks no broker.

    Only the loop's own thread may look, since a consumer that is being closed must not be asked.
    """

    consumer: Consumer
    topic: str
    lag: Mapping[int, int] = field(default_factory=dict)
    _looked_at: float = 0.0

    def due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() - self._looked_at >= _LAG_EVERY

    def look(self, positions: Mapping[int, int]) -> None:
        """Look, given each partition's next offset to be dealt with; one below 0 is not known yet."""
        self._looked_at = time.monotonic()
        ends = {number: self._end(number) for number, position in positions.items() if position >= 0}
        self.lag = {number: max(0, end - positions[number]) for number, end in ends.items() if end >= 0}

    def _end(self, number: int) -> int:
        try:
            _, end = self.consumer.get_watermark_offsets(TopicPartition(self.topic, number), cached=True)
        except KafkaException:
            return -1
        return end
