"""The at-least-once loop: poll, hand over, produce, and commit what the brokers have acknowledged.

An offset is committed when the outcome of every message up to it is on its topic, and not before. The work itself runs
elsewhere: this thread only polls, so that no poll is ever missed. What is in flight is bounded in items and in bytes;
beyond that the partitions are paused.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition, murmur2

from schemas.items import ParentEndedEvent, RawItem
from schemas.scores import ItemFailed, ItemScored, ItemSkipped, ParentEnded
from streams import clients, envelope
from streams.deadletters import dead_letter
from streams.gates import Notify
from streams.messages import headers_of
from streams.standing import Flow, LagWatch, Standing
from streams.topics import MAX_DEAD_LETTER_BYTES, MAX_ITEM_BYTES, TopicNames
from streams.tracker import OffsetTracker

_log = logging.getLogger("sluice.score")

COMMIT_EVERY = 0.5  # s
COMMIT_AGAIN_EVERY = 10.0  # s; everything, since a commit can fail unseen while a rebalance is under way
FLUSH_SECONDS = 2.0
_POLL_MESSAGES = 200
_NAMED_SOURCES = 1_000  # with a wrong partitioner; more are not named
_MESSAGE_OVERHEAD = 4096  # bytes that a message may take beside its value


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which message an answer belongs to. The epoch tells two assignments of a partition apart."""

    partition: int
    epoch: int
    offset: int
    appended_at: int  # broker's append time, ms since 1970 UTC


Answer = ItemScored | ItemFailed | ItemSkipped


class ItemWorker(Protocol):
    """Does the work, on threads of its own."""

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        """Take an item; must not block."""

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        """Return the answers that are there by now; must not block."""


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """How a worker takes part in its group."""

    names: TopicNames
    partitions: int
    group: str
    max_items: int = 256
    max_bytes: int = 64 * 1024 * 1024
    drain_seconds: float = 20.0  # how long what was taken may take to finish, told to stop or to give partitions up
    stuck_seconds: float = 10.0  # without an acknowledgement while some are awaited: the brokers are gone


class ScoreLoop:
    """Reads `items`, hands them to a worker, and writes each outcome to `scores` and `dead-letters`."""

    def __init__(
        self, properties: clients.Properties, settings: ScoreSettings, worker: ItemWorker, notify: Notify
    ) -> None:
        """Open the clients; nothing is read before `run`."""
        self._settings = settings
        self._names = settings.names
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
        self._producer: Producer = clients.producer(properties, message_max_bytes=MAX_DEAD_LETTER_BYTES)
        self._trackers: dict[int, OffsetTracker] = {}
        self._ends: dict[tuple[int, int], tuple[Ticket, ParentEndedEvent]] = {}
        self._epoch = 0
        self.flow = Flow()
        self._lag = LagWatch(self._consumer, self._names.items)
        self._paused = False
        self._joined = False
        self._turned_at = 0.0
        self._stopped: Callable[[], bool] = lambda: False
        self._drained_by: float | None = None  # monotonic s; set when it is told to stop
        self._leaving = False
        self._acknowledged_at = 0.0  # or since when something waits for it
        self._committed_at = 0.0
        self._committed_all_at = 0.0
        self._misplaced: set[str] = set()
        self._failure: KafkaError | None = None

    @property
    def standing(self) -> Standing:
        """Where it stands; any thread may ask."""
        return Standing(
            turned_at=self._turned_at,
            joined=self._joined,
            owned=len(self._trackers),
            recovering=0,
            draining=self._drained_by is not None,
            lag=self._lag.lag,
        )

    def run(self, stopped: Callable[[], bool]) -> int:
        """Work until told to stop, then finish what was taken.

        Returns:
            How many messages were taken and could not be finished in time; the next replica reads them again.

        Raises:
            KafkaException: the brokers refused for good; what was not committed is read again after a restart.
        """
        self._stopped = stopped
        self._consumer.subscribe(
            [self._names.items], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            while not self._told_to_stop():
                self._take(self._consumer.consume(self._room(), timeout=0.01 if self.flow.items else 0.1))
                self._turn()
            return self._drain()
        finally:
            self._leave()

    def _room(self) -> int:
        """Return how many messages to ask for: at least one, since its callbacks are served by asking."""
        return max(1, min(_POLL_MESSAGES, self._settings.max_items - self.flow.items))

    def _turn(self) -> None:
        self._progress()
        self._balance()
        if time.monotonic() - self._committed_at >= COMMIT_EVERY:
            self._commit(asynchronous=True)
        if self._lag.due():
            self._lag.look({number: tracker.answered_to() for number, tracker in self._trackers.items()})

    def _progress(self) -> None:
        """Send the answers that are there, and learn of what was acknowledged."""
        self._turned_at = time.monotonic()
        for ticket, answer in self._worker.finished():
            self._send(ticket, answer)
        self._producer.poll(0)
        if self._failure is not None:
            raise KafkaException(self._failure)

    # --------------------------------------------------------------------------------------------------- stopping

    def _told_to_stop(self) -> bool:
        if self._drained_by is None and self._stopped():
            self._drained_by = time.monotonic() + self._settings.drain_seconds
            self._notify("draining", items=self.flow.items)
        return self._drained_by is not None

    def _drain(self) -> int:
        """Finish what was taken, as long as the grace period lasts; the rest is read again."""
        self._pause(self._consumer.assignment())
        while self.flow.items and not self._over():
            # for its callbacks; what it returns is read again by the next owner
            self._consumer.consume(1, timeout=0.01)
            self._turn()
        while not self._stuck() and not self._commit(asynchronous=False) and not self._over():
            self._consumer.consume(1, timeout=0.1)  # a rebalance is under way: its end makes room for the commit
        unfinished = self.flow.items
        self._notify("drained", unfinished=unfinished)
        return unfinished

    def _over(self) -> bool:
        late = self._drained_by is not None and time.monotonic() >= self._drained_by
        return late or self._stuck()

    def _stuck(self) -> bool:
        """Whether the brokers are gone: answers wait for them, and none was acknowledged for long."""
        waited = time.monotonic() - self._acknowledged_at
        return len(self._producer) > 0 and waited >= self._settings.stuck_seconds

    def _leave(self) -> None:
        self._leaving = True
        self._producer.flush(0 if self._stuck() else FLUSH_SECONDS)
        self._consumer.close()  # first: it calls back when the partitions are given up
        self._producer.purge()  # closing would wait for brokers that may be gone
        self._producer.close()

    def _finish_taken(self, gone: set[int]) -> None:
        """Finish what was taken of partitions that go to another replica, so that it answers none of it again."""
        until = time.monotonic() + self._settings.drain_seconds
        while any(self._trackers[number].pending for number in gone & self._trackers.keys()):
            if self._leaving or self._over() or time.monotonic() >= until:
                return
            self._told_to_stop()  # the grace period counts from then on, whatever happens
            self._producer.poll(0.01)
            self._progress()

    # ------------------------------------------------------------------------------------------------ partitions

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        self._epoch += 1
        for place in partitions:
            self._trackers[place.partition] = OffsetTracker(self._epoch)
        if self._paused and partitions:
            consumer.pause(partitions)
        self._joined = True
        self._notify("assigned", partitions=[place.partition for place in partitions])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._finish_taken({place.partition for place in partitions})
        if not self._stuck():
            self._commit(asynchronous=False)
        self._forget(consumer, partitions, "revoked")

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._joined = False
        self._forget(consumer, partitions, "lost")

    def _forget(self, consumer: Consumer, partitions: list[TopicPartition], event: str) -> None:
        gone = {place.partition for place in partitions}
        for partition in gone:
            tracker = self._trackers.pop(partition, None)
            for pending in tracker.pending.values() if tracker else ():
                self._release(pending.size)
        self._ends = {place: waiting for place, waiting in self._ends.items() if place[0] not in gone}
        consumer.incremental_unassign(partitions)
        self._notify(event, partitions=[place.partition for place in partitions])

    def _balance(self) -> None:
        """Pause when the budget is used up; go on when half of it is free again."""
        if self._drained_by is not None:
            return
        full = self.flow.items >= self._settings.max_items or self.flow.bytes >= self._settings.max_bytes
        if full and not self._paused:
            self._pause(self._consumer.assignment())
        elif (
            self._paused
            and self.flow.items <= self._settings.max_items // 2
            and self.flow.bytes <= self._settings.max_bytes // 2
        ):
            self._paused = False
            self._consumer.resume(self._consumer.assignment())

    def _pause(self, places: list[TopicPartition]) -> None:
        self._paused = True
        if places:
            self._consumer.pause(places)

    def _release(self, size: int) -> None:
        self.flow.items -= 1
        self.flow.bytes -= size

    # ------------------------------------------------------------------------------------------------------ items

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            error = message.error()
            tracker = self._trackers.get(message.partition() or 0)
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
        value = _bytes(message.value())
        size = len(value) + _MESSAGE_OVERHEAD
        tracker.begin(message, size)
        self.flow.taken += 1
        self.flow.items += 1
        self.flow.bytes += size
        ticket = Ticket(message.partition() or 0, tracker.epoch, message.offset() or 0, message.timestamp()[1])
        try:
            parsed = envelope.parse(_headers(message), message.key(), value)
        except envelope.EnvelopeError as error:
            self._refuse(ticket, message, error)
            return
        if isinstance(parsed, ParentEndedEvent):
            self._ends[ticket.partition, ticket.offset] = (ticket, parsed)
            self._forward_end(tracker, ticket.partition)
        else:
            self._check_place(ticket.partition, parsed)
            self._worker.submit(ticket, parsed)

    def _check_place(self, partition: int, item: RawItem) -> None:
        """Name a producer whose partitioner is another: its parents can be split over partitions."""
        source = item.envelope.source
        expected = murmur2(item.envelope.parent_id.encode(), self._settings.partitions)
        if expected != partition and source not in self._misplaced and len(self._misplaced) < _NAMED_SOURCES:
            self._misplaced.add(source)
            self._notify(
                "misplaced", source=source, parent=item.envelope.parent_id, partition=partition, expected=expected
            )

    # --------------------------------------------------------------------------------------------------- outcomes

    def _tracker_of(self, ticket: Ticket) -> OffsetTracker | None:
        """Return the tracker of a message, or None where it is another replica's by now, which answers it again."""
        tracker = self._trackers.get(ticket.partition)
        return tracker if tracker is not None and tracker.epoch == ticket.epoch else None

    def _send(self, ticket: Ticket, answer: Answer) -> None:
        tracker = self._tracker_of(ticket)
        if tracker is None:
            return
        message = tracker.pending[ticket.offset].message
        if isinstance(answer, ItemFailed):
            letter = dead_letter(message, "score", answer.cause, answer.detail)
            self._bury(ticket, letter, answer)
        else:
            self._produce_last(ticket, answer)

    def _refuse(self, ticket: Ticket, message: Message, error: envelope.EnvelopeError) -> None:
        """Send a message that is no item to the dead letters; its parent learns of it where it is known."""
        self.flow.refused += 1
        known = envelope.identify(headers_of(message), message.key(), _bytes(message.value()))
        failed = None
        if known is not None:
            failed = ItemFailed(
                **known,
                appended_at=ticket.appended_at,
                item_partition=ticket.partition,
                item_offset=ticket.offset,
                cause=error.cause,
                detail=error.detail,
            )
        self._bury(ticket, dead_letter(message, "score", error.cause, error.detail), failed)

    def _bury(self, ticket: Ticket, letter: dict[str, Any], failed: ItemFailed | None) -> None:
        """Produce the dead letter; only when it is acknowledged, tell its parent."""

        def acknowledged() -> None:
            self.flow.dead_letters += 1
            if failed is None:
                self._finish(ticket)
            else:
                self._produce_last(ticket, failed)

        self._produce(acknowledged, topic=self._names.dead_letters, **letter)

    def _produce_last(self, ticket: Ticket, record: Answer | ParentEnded) -> None:
        self._produce(
            lambda: self._finish(ticket),
            topic=self._names.scores,
            key=record.parent_id.encode(),
            value=record.to_json(),
        )

    def _produce(self, acknowledged: Callable[[], None], **message: Any) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._acknowledged_at = time.monotonic()
                acknowledged()
            elif self._failure is None:
                self._failure = error

        if len(self._producer) == 0:
            self._acknowledged_at = time.monotonic()  # nothing was awaited until now
        while True:
            try:
                self._producer.produce(on_delivery=delivered, **message)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _finish(self, ticket: Ticket) -> None:
        tracker = self._tracker_of(ticket)
        if tracker is None:
            return
        self._release(tracker.finish(ticket.offset))
        self.flow.finished += 1
        self._forward_end(tracker, ticket.partition)

    def _forward_end(self, tracker: OffsetTracker, partition: int) -> None:
        """Forward the end of a parent once every earlier message of its partition has been answered."""
        first = tracker.first()
        waiting = self._ends.pop((partition, first), None) if first is not None else None
        if waiting is None:
            return
        ticket, event = waiting
        if ticket.epoch != tracker.epoch:
            return
        record = ParentEnded(
            parent_id=event.parent_id,
            kind=event.kind,
            source=event.source,
            count=event.count,
            appended_at=ticket.appended_at,
        )
        self._produce_last(ticket, record)

    # ------------------------------------------------------------------------------------------------- committing

    def _commit(self, *, asynchronous: bool) -> bool:
        """Commit what is answered: what is new, or everything, since an earlier commit may have failed unseen.

        Returns:
            Whether another attempt would bring nothing more.
        """
        now = self._committed_at = time.monotonic()
        everything = not asynchronous or now - self._committed_all_at >= COMMIT_AGAIN_EVERY
        offsets = []
        for partition, tracker in self._trackers.items():
            upto = tracker.answered_to() if everything else tracker.committable()
            if upto is not None and upto >= 0:
                offsets.append(TopicPartition(self._names.items, partition, upto))
                tracker.committed = upto
        if everything:
            self._committed_all_at = now
        return not offsets or self._commit_offsets(offsets, asynchronous=asynchronous)

    def _commit_offsets(self, offsets: list[TopicPartition], *, asynchronous: bool) -> bool:
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


def _headers(message: Message) -> envelope.Headers:
    headers = headers_of(message)
    if headers is None:
        raise envelope.EnvelopeError("bad_headers", "the name of a header is not UTF-8")
    return headers


def _bytes(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
