"""The offsets of `items`: which messages of the owned partitions are in flight, and committing what is answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.tracker import OffsetTracker
from streams.work import ItemWorker, Ticket

_log = logging.getLogger("sluice.score")

COMMIT_EVERY = 0.5  # s
COMMIT_AGAIN_EVERY = 10.0  # s; everything, since a commit can fail unseen while a rebalance is under way


class ItemOffsets:
    """One tracker for each owned partition, and the group's committed offsets."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        """Begin without partitions."""
        self.trackers: dict[int, OffsetTracker] = {}
        self._consumer = consumer
        self._topic = topic
        self._epoch = 0
        self._committed_at = 0.0
        self._committed_all_at = 0.0

    def assign(self, partitions: Iterable[int]) -> None:
        """Begin to track these partitions, in a new epoch."""
        self._epoch += 1
        for partition in partitions:
            self.trackers[partition] = OffsetTracker(self._epoch)

    def forget(self, partitions: Iterable[int]) -> list[int]:
        """Track these partitions no more; return the sizes of the messages that were in flight."""
        gone = [self.trackers.pop(partition, None) for partition in partitions]
        return [pending.size for tracker in gone if tracker for pending in tracker.pending.values()]

    def of(self, ticket: Ticket) -> OffsetTracker | None:
        """Return the tracker of a message, or None where it is another replica's by now, which answers it again."""
        tracker = self.trackers.get(ticket.partition)
        return tracker if tracker is not None and tracker.epoch == ticket.epoch else None

    def withdraw(self, worker: ItemWorker, partitions: Collection[int]) -> list[int]:
        """Take back what a worker has not begun of these partitions, as if it had never been read.

        Only what lies behind everything that was answered at once: an answer behind an uncommitted offset would be
        given again.

        Returns:
            The sizes of those messages.
        """

        def wanted(ticket: Ticket) -> bool:
            tracker = self.of(ticket)
            return tracker is None or (ticket.partition in partitions and ticket.offset > tracker.answered_at)

        first: dict[int, int] = {}
        for ticket in filter(self.of, worker.withdraw(wanted)):
            first[ticket.partition] = min(ticket.offset, first.get(ticket.partition, ticket.offset))
        return [size for number, offset in first.items() for size in self.trackers[number].withdraw_from(offset)]

    def commit_in_turn(self) -> None:
        """Commit what is new, when it is time to; whether that succeeded shows later."""
        now = time.monotonic()
        if now - self._committed_at >= COMMIT_EVERY:
            offsets = self._due(everything=now - self._committed_all_at >= COMMIT_AGAIN_EVERY)
            if offsets:
                self._commit(offsets, asynchronous=True)

    def commit(self) -> bool:
        """Commit everything that is answered, and wait for it.

        Returns:
            Whether another attempt would bring nothing more.
        """
        offsets = self._due(everything=True)
        return not offsets or self._commit(offsets, asynchronous=False)

    def _due(self, *, everything: bool) -> list[TopicPartition]:
        """Return the offsets to commit: what is new, or all, since an earlier commit may have failed unseen."""
        self._committed_at = time.monotonic()
        if everything:
            self._committed_all_at = self._committed_at
        offsets = []
        for partition, tracker in self.trackers.items():
            upto = tracker.answered_to() if everything else tracker.committable()
            if upto is not None and upto >= 0:
                offsets.append(TopicPartition(self._topic, partition, upto))
                tracker.committed = upto
        return offsets

    def _commit(self, offsets: list[TopicPartition], *, asynchronous: bool) -> bool:
        try:
            if asynchronous:
                self._consumer.commit(offsets=offsets, asynchronous=True)
                return True
            done = self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as exception:  # a duplicate score is harmless: the next commit covers it
            errors: list[KafkaError] = [exception.args[0]]
        else:
            errors = [place.error for place in done if place.error is not None]
        for error in errors:
            _log.info("commit: %s", error)
        return all(error.code() != KafkaError.REBALANCE_IN_PROGRESS for error in errors)
