"""The at-least-once loop: poll, hand over, produce, and commit what the brokers have acknowledged.

An offset is committed when the outcome of every message up to it is on its topic, and not before. The work itself runs
elsewhere: this thread only polls, so that no poll is ever missed. What is in flight is bounded in items and in bytes;
beyond that the partitions are paused.

Told to stop, or to give partitions up, the loop withdraws what the worker has not begun: those offsets stay uncommitted
and are the next owner's. What was begun is finished, answered and committed. A worker that is not to be trusted any
more answers nothing: the loop leaves its group, and what was not answered is the next owner's, until the worker says
that it is sound again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.items import ParentEndedEvent, RawItem
from streams import clients, envelope
from streams.budget import Budget
from streams.gates import Notify
from streams.grace import Grace
from streams.itemoffsets import ItemOffsets
from streams.membership import Membership
from streams.messages import headers_of, value_of
from streams.outcomes import Outcomes
from streams.placement import PlacementCheck
from streams.standing import Flow, LagWatch, Standing
from streams.topics import MAX_DEAD_LETTER_BYTES, MAX_ITEM_BYTES
from streams.tracker import OffsetTracker
from streams.work import ItemWorker, ScoreSettings, Ticket

_log = logging.getLogger("sluice.score")

_MESSAGE_OVERHEAD = 4096  # bytes that a message may take beside its value


class ScoreLoop:
    """Reads `items`, hands them to a worker, and writes each outcome to `scores` and `dead-letters`."""

    def __init__(
        self,
        properties: clients.Properties,
        settings: ScoreSettings,
        worker: ItemWorker,
        notify: Notify,
        halted: Callable[[], str] = lambda: "",
    ) -> None:
        """Open the clients; nothing is read before `run`. `halted` says why the worker is not to be trusted, if so.

        Raises:
            PropertiesError: a client refuses its properties.
        """
        self.flow = Flow()
        self._settings = settings
        self._worker = worker
        self._notify = notify
        self._consumer: Consumer = clients.consumer(
            properties,
            settings.group,
            # librdkafka's own queue is part of the byte budget
            queued_max_messages_kbytes=max(1024, settings.max_bytes // 2048),
            fetch_message_max_bytes=MAX_ITEM_BYTES,
            enable_partition_eof=True,
        )
        producer = clients.producer(properties, message_max_bytes=MAX_DEAD_LETTER_BYTES)
        self._outcomes = Outcomes(producer, settings, self.flow, self._finish)
        self._offsets = ItemOffsets(self._consumer, settings.names.items)
        self._budget = Budget(self._consumer, self.flow, max_items=settings.max_items, max_bytes=settings.max_bytes)
        self._membership = Membership(
            self._consumer, settings.names.items, halted, self._offsets.trackers.keys(), notify
        )
        self._placement = PlacementCheck(settings.partitions, notify)
        self._grace = Grace(settings.drain_seconds)
        self._lag = LagWatch(self._consumer, settings.names.items)
        self._stopped: Callable[[], bool] = lambda: False
        self._joined = False
        self._leaving = False
        self._turned_at = 0.0

    @property
    def standing(self) -> Standing:
        """Where it stands; any thread may ask."""
        return Standing(
            turned_at=self._turned_at,
            joined=self._joined,
            owned=len(self._offsets.trackers),
            recovering=0,
            draining=self._grace.begun,
            lag=self._lag.lag,
            halted=self._membership.halted,
        )

    @property
    def crowded(self) -> bool:
        """Whether as much is in flight as may be; any thread may ask."""
        return self._budget.full

    def run(self, stopped: Callable[[], bool]) -> int:
        """Work until told to stop, then finish what was begun.

        Returns:
            How many messages were begun and could not be finished in time; the next replica reads them again.

        Raises:
            KafkaException: the brokers refused for good; what was not committed is read again after a restart.
        """
        self._stopped = stopped
        self._membership.begin(on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
        try:
            while not self._told_to_stop():
                self._take(self._consumer.consume(self._budget.room(), timeout=0.01 if self.flow.items else 0.1))
                self._turn()
                self._membership.follow()
            return self._drain()
        finally:
            self._leave()

    def _turn(self) -> None:
        self._progress()
        self._budget.balance()
        self._offsets.commit_in_turn()
        if self._lag.due():
            self._lag.look({number: tracker.answered_to() for number, tracker in self._offsets.trackers.items()})

    # ------------------------------------------------------------------------------------------------------ items

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            error = message.error()
            tracker = self._offsets.trackers.get(message.partition() or 0)
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                if error.fatal():
                    raise KafkaException(error)
                _log.info("consuming: %s", error)
            elif tracker is not None and error is not None:
                # what lies between the last item and the end is nobody's item, such as a transaction's marker
                tracker.skip_to(message.offset() or 0)
            elif tracker is not None:
                self._hand_over(tracker, message)

    def _hand_over(self, tracker: OffsetTracker, message: Message) -> None:
        size = len(value_of(message)) + _MESSAGE_OVERHEAD
        tracker.begin(message, size)
        self.flow.taken += 1
        self._budget.take(size)
        ticket = Ticket(message.partition() or 0, tracker.epoch, message.offset() or 0, message.timestamp()[1])
        try:
            parsed = _parsed(message)
        except envelope.EnvelopeError as error:
            tracker.answered_at = ticket.offset
            self._outcomes.refuse(ticket, message, error)
            return
        if isinstance(parsed, ParentEndedEvent):
            tracker.await_end(ticket, parsed)
            self._forward_end(tracker)
        else:
            self._placement.look(ticket.partition, parsed.envelope)
            self._worker.submit(ticket, parsed)

    def _progress(self) -> None:
        """Send the answers that are there, and learn of what was acknowledged."""
        self._turned_at = time.monotonic()
        for ticket, answer in self._worker.finished():
            tracker = self._offsets.of(ticket)
            if tracker is not None:
                self._outcomes.answer(ticket, tracker.pending[ticket.offset].message, answer)
        self._outcomes.serve()

    def _finish(self, ticket: Ticket) -> None:
        """Every record of a message's outcome is acknowledged."""
        tracker = self._offsets.of(ticket)
        if tracker is not None:
            self._budget.release(tracker.finish(ticket.offset))
            self.flow.finished += 1
            self._forward_end(tracker)

    def _forward_end(self, tracker: OffsetTracker) -> None:
        """Forward the end of a parent once every earlier message of its partition has been answered."""
        due = tracker.due_end()
        if due is not None:
            self._outcomes.end(*due)

    # --------------------------------------------------------------------------------------------------- stopping

    def _told_to_stop(self) -> bool:
        if self._grace.begins(self._stopped):
            self._notify("draining", items=self.flow.items)
        return self._grace.begun

    def _drain(self) -> int:
        """Finish what was begun, as long as the grace period lasts; the rest is read again."""
        self._budget.hold()
        self._withdraw(self._offsets.trackers)
        while self.flow.items and not self._over():
            # for its callbacks; what it returns is read again by the next owner
            self._consumer.consume(1, timeout=0.01)
            self._turn()
        while not self._outcomes.stuck and not self._offsets.commit() and not self._over():
            self._consumer.consume(1, timeout=0.1)  # a rebalance is under way: its end makes room for the commit
        unfinished = self.flow.items
        self._notify("drained", unfinished=unfinished, withdrawn=self.flow.withdrawn)
        return unfinished

    def _over(self) -> bool:
        return self._grace.over or self._outcomes.stuck or bool(self._membership.halted)

    def _withdraw(self, partitions: Collection[int]) -> None:
        """Take back what the worker has not begun of these partitions: it is never answered here."""
        for size in self._offsets.withdraw(self._worker, partitions):
            self._budget.release(size)
            self.flow.withdrawn += 1

    def _finish_begun(self, gone: set[int]) -> None:
        """Finish what was begun of partitions that go to another replica, so that it answers none of it again."""
        until = time.monotonic() + self._settings.drain_seconds
        mine = [self._offsets.trackers[number] for number in gone & self._offsets.trackers.keys()]
        self._withdraw(gone)
        while any(tracker.pending for tracker in mine):
            if self._leaving or self._over() or time.monotonic() >= until:
                return
            self._told_to_stop()  # the grace period counts from then on, whatever happens
            self._outcomes.serve(0.01)
            self._progress()

    def _leave(self) -> None:
        self._leaving = True
        self._outcomes.flush()
        self._consumer.close()  # first: it calls back when the partitions are given up
        self._outcomes.close()

    # ------------------------------------------------------------------------------------------------ partitions

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        numbers = [place.partition for place in partitions]
        self._offsets.assign(numbers)
        self._budget.assigned(partitions)
        self._joined = True
        self._notify("assigned", partitions=numbers)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._finish_begun({place.partition for place in partitions})
        if self._membership.halted:
            self._outcomes.flush()  # what was answered before is sound: it is committed, not given again
        if not self._outcomes.stuck:
            self._offsets.commit()
        self._joined = not self._membership.halted
        self._forget(consumer, partitions, "revoked")

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._joined = False
        self._withdraw({place.partition for place in partitions})
        self._forget(consumer, partitions, "lost")

    def _forget(self, consumer: Consumer, partitions: list[TopicPartition], event: str) -> None:
        numbers = [place.partition for place in partitions]
        for size in self._offsets.forget(numbers):
            self._budget.release(size)
        consumer.incremental_unassign(partitions)
        self._notify(event, partitions=numbers)


def _parsed(message: Message) -> RawItem | ParentEndedEvent:
    headers = headers_of(message)
    if headers is None:
        raise envelope.EnvelopeError("bad_headers", "the name of a header is not UTF-8")
    return envelope.parse(headers, message.key(), value_of(message))
