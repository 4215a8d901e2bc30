"""What may be in flight at once, in items and in bytes: partitions are paused when it is used up."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition

from streams.standing import Flow

_POLL_MESSAGES = 200


class Budget:
    """Counts what is in flight, and pauses and resumes the partitions of a consumer by it."""

    def __init__(self, consumer: Consumer, flow: Flow, *, max_items: int, max_bytes: int) -> None:
        """Begin with nothing in flight; `flow` has the counts."""
        self._consumer = consumer
        self._flow = flow
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._paused = False
        self._held = False

    def room(self) -> int:
        """Return how many messages to ask for: at least one, since the consumer's callbacks are served by asking."""
        return max(1, min(_POLL_MESSAGES, self._max_items - self._flow.items))

    @property
    def full(self) -> bool:
        """Whether nothing more is taken for now."""
        return self._paused

    def take(self, size: int) -> None:
        """Count a message of so many bytes as in flight."""
        self._flow.items += 1
        self._flow.bytes += size

    def release(self, size: int) -> None:
        """Count a message of so many bytes as in flight no more."""
        self._flow.items -= 1
        self._flow.bytes -= size

    def balance(self) -> None:
        """Pause when the budget is used up; go on when half of it is free again."""
        flow = self._flow
        if self._held:
            return
        if not self._paused and (flow.items >= self._max_items or flow.bytes >= self._max_bytes):
            self._pause(self._consumer.assignment())
        elif self._paused and flow.items <= self._max_items // 2 and flow.bytes <= self._max_bytes // 2:
            self._paused = False
            self._consumer.resume(self._consumer.assignment())

    def hold(self) -> None:
        """Pause for good: nothing more is to be taken."""
        self._held = True
        self._pause(self._consumer.assignment())

    def assigned(self, places: list[TopicPartition]) -> None:
        """Treat new partitions as those that are there."""
        if self._paused:
            self._pause(places)

    def _pause(self, places: list[TopicPartition]) -> None:
        self._paused = True
        if places:
            self._consumer.pause(places)
