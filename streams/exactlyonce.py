"""The exactly-once loop: consume a batch, apply it, one transaction with the decisions and the offsets.

A window is decided if and only if its decision is in the log topic `decisions`. All state is a gate for each owned
partition, which is built from the topics and thrown away at the first doubt. README.md has the protocol.

Everything happens on one thread, and rebalance callbacks run inside `consume` alone. So a transaction in flight has
always ended when a partition is taken away, and the group metadata that a transaction carries is of the same
generation as the assignment that it was made under.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import clients
from streams.deadletters import dead_letter
from streams.evidence import EvidenceCollector
from streams.gates import DecideSettings, MakeGate, Notify, Owned, Records
from streams.outgoing import Outgoing, gather
from streams.recovery import Recoverer
from streams.standing import LagWatch, Standing
from streams.transaction import TransactionFailedError, Transactor

_log = logging.getLogger("sluice.decide")

BATCH_RECORDS = 2_000
BATCH_WAIT = 0.1  # s; how long a batch may gather, so also how long a decision may wait for others
MAX_DECISIONS = 5_000  # in a transaction, so that it stays well below its time-out; as many wait for the next one
MAX_SPAN = 1.0  # s between transactions while there is more to read: each costs as much time as 2,000 scores
QUIET_COMMIT_EVERY = 0.5  # s; nothing decided: the low watermark is committed no more often
DRAIN_SECONDS = 5.0  # how long the last decisions wait for a rebalance to end; another owner makes them otherwise
RETRY_AFTER_FAILURE = 0.2  # s; a broker that refuses is not asked in a tight loop


@dataclass(frozen=True, slots=True)
class _Flight:
    """The transaction in flight."""

    outgoing: Outgoing
    ended: Future[float]  # s that it took


class DecideLoop:
    """Reads `scores`, lets gates decide, and sends each decision exactly once."""

    def __init__(
        self, properties: clients.Properties, settings: DecideSettings, make_gate: MakeGate, notify: Notify
    ) -> None:
        """Open the clients; nothing is read before `run`."""
        self._settings = settings
        self._names = settings.names
        self._notify = notify
        self._consumer: Consumer = clients.consumer(properties, settings.group, auto_offset_reset="error")
        self._transactor = Transactor(properties, settings.transactional_id)
        self._recoverer = Recoverer(properties, settings.names, settings.partitions, make_gate)
        self._evidence = EvidenceCollector(properties, settings.names, settings.score_group, settings.partitions)
        self._owned: dict[int, Owned] = {}
        self._recovered: list[Owned] = []  # wait for the seek to their position
        self._assigned: set[int] = set()
        self._group: object = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="transaction")
        self._flight: _Flight | None = None
        self._committed_at = 0.0
        self._lag = LagWatch(self._consumer, self._names.scores)
        self._joined = False
        self._draining = False
        self._turned_at = 0.0

    @property
    def standing(self) -> Standing:
        """Where it stands; any thread may ask."""
        owned, assigned = len(self._owned), len(self._assigned)
        return Standing(
            turned_at=self._turned_at,
            joined=self._joined,
            owned=owned,
            recovering=max(0, assigned - owned),
            draining=self._draining,
            lag=self._lag.lag,
        )

    def run(self, stopped: Callable[[], bool]) -> None:
        """Decide until told to stop.

        Raises:
            PartitionCountError: the number of partitions was changed.
            KafkaException: the brokers refused for good.
        """
        self._consumer.subscribe(
            [self._names.scores], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            while not stopped():
                self._turn()
            self._drain()
        finally:
            self._close()

    def _drain(self) -> None:
        """Finish the transaction in flight, and commit what is decided. Nothing more is read."""
        self._draining = True
        self._notify("draining", decisions=self._ready())
        until = time.monotonic() + DRAIN_SECONDS
        self._commit(final=True)
        while self._flight is not None or (self._ready() and time.monotonic() < until):
            if not self._commit() and self._ready():
                self._consumer.consume(1, timeout=0.05)  # for its callbacks: the group is changing
        self._notify("drained", unfinished=self._ready())

    def _turn(self) -> None:
        self._turned_at = time.monotonic()
        if self._recoverer.busy:
            self._recover()
        self._start_recovered()
        wait = 0.01 if self._recoverer.busy or self._recovered or self._ready() else BATCH_WAIT
        messages = self._consumer.consume(BATCH_RECORDS, timeout=wait)
        self._apply(messages)
        now = _wall_ms()
        for one, deadline in self._evidence.collect(self._owned.values(), time.monotonic()):
            one.gate.close_due(deadline, now)
        if len(messages) < BATCH_RECORDS or self._full():
            self._commit()
        if self._lag.due():
            self._lag.look({number: one.gate.position for number, one in self._owned.items()})

    def _full(self) -> bool:
        """Whether a transaction is due although more can be read at once."""
        return self._ready() >= MAX_DECISIONS or time.monotonic() - self._committed_at >= MAX_SPAN

    def _ready(self) -> int:
        return sum(one.gate.ready for one in self._owned.values())

    # ------------------------------------------------------------------------------------------------ partitions

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._settle()
        # Together with the assignment: metadata taken later may be of a generation in which the partition is another's.
        # A member that was away can get a late assignment when it has no member id any more. Metadata without one
        # is not checked by the broker, so nothing is sent with it; `lost` follows.
        member, group = consumer.memberid(), consumer.consumer_group_metadata()
        self._group = group if member and member == consumer.memberid() else None
        places = [TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in partitions]
        consumer.incremental_assign(places)
        if places:
            consumer.pause(places)  # until recovered
        numbers = [p.partition for p in partitions]
        self._assigned.update(numbers)
        self._recoverer.begin(numbers)
        self._joined = True
        self._notify("assigned", partitions=numbers)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._settle()
        self._forget([p.partition for p in partitions], "revoked")
        consumer.incremental_unassign(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._settle()
        self._joined = False
        self._forget([p.partition for p in partitions], "lost")
        consumer.incremental_unassign(partitions)

    def _forget(self, numbers: list[int], event: str) -> None:
        self._assigned.difference_update(numbers)
        self._recoverer.drop(numbers)
        self._evidence.forget(numbers)
        self._recovered = [one for one in self._recovered if one.partition not in numbers]
        for number in numbers:
            self._owned.pop(number, None)
        self._notify(event, partitions=numbers)

    def _recover(self) -> None:
        self._settle()
        try:
            self._transactor.open()  # first of all, so that recovery does not wait for an open transaction of our own
        except KafkaException as exception:
            _log.warning("recovery waits for the transaction coordinator: %s", exception.args[0])
            return
        self._recovered += self._recoverer.step(self._consumer, self._notify)

    def _start_recovered(self) -> None:
        waiting, self._recovered = self._recovered, []
        for one in waiting:
            place = TopicPartition(self._names.scores, one.partition, one.gate.position)
            try:
                self._consumer.seek(place)
            except KafkaException:  # the fetcher is not there yet: next turn
                self._recovered.append(one)
                continue
            self._consumer.resume([place])
            self._owned[one.partition] = one
            self._notify("recovered", partition=one.partition, position=one.gate.position)

    def _recover_all(self) -> None:
        """Forget all state and build it again from the topics: a transaction is not certain to have committed."""
        numbers = sorted(self._assigned)
        self._owned.clear()
        self._recovered.clear()
        self._evidence.forget(numbers)
        if numbers:
            self._consumer.pause([TopicPartition(self._names.scores, number) for number in numbers])
            self._recoverer.begin(numbers)
            self._notify("recovering", partitions=numbers)

    # --------------------------------------------------------------------------------------------------- records

    def _apply(self, messages: list[Message]) -> None:
        now = _wall_ms()
        failed = list(filter(Message.error, messages))
        for message in failed:
            self._on_error(message)
        good = [message for message in messages if message.error() is None] if failed else messages
        for partition, run in groupby(good, key=Message.partition):
            one = self._owned.get(partition or 0)
            if one is not None:  # else consumed before its partition was taken away or recovered
                self._apply_run(one, list(run), now)

    def _apply_run(self, one: Owned, run: list[Message], now: int) -> None:
        records = zip(map(Message.offset, run), map(Message.value, run), strict=True)
        # an offset is None in a message of our own alone
        problems = {problem.offset: problem for problem in one.gate.apply(cast("Records", records), now)}
        for message in run if problems else ():
            problem = problems.get(message.offset() or 0)
            if problem is not None:
                one.dead.append(dead_letter(message, "decide", "unreadable_score", problem.detail))

    def _on_error(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - retention overtook the position
            self._notify("out_of_range", partition=message.partition(), error=error.str())
            self._recover_all()
        elif error.fatal():
            raise KafkaException(error)
        else:
            _log.info("consuming: %s", error)

    # ------------------------------------------------------------------------------------------------ committing

    def _commit(self, *, final: bool = False) -> bool:
        """Begin a transaction with what was decided, once the one before has ended.

        Args:
            final: also where nothing was decided lately, so that the next owner has less to read again.

        Returns:
            Whether there was anything to send.
        """
        self._settle()
        if self._group is None or self._consumer.consumer_group_metadata() != self._group:
            return False  # the group is changing: it would be refused, and the next assignment is on its way
        due = self._ready() or any(one.dead for one in self._owned.values())
        if not (due or final) and time.monotonic() - self._committed_at < QUIET_COMMIT_EVERY:
            return False
        outgoing = gather(self._settings, self._owned.values(), MAX_DECISIONS)
        self._committed_at = time.monotonic()
        if not outgoing.offsets:
            return False
        try:
            self._transactor.begin(outgoing)
        except (TransactionFailedError, KafkaException) as error:
            self._on_failure(error, outgoing)
            return False
        self._flight = _Flight(outgoing, self._thread.submit(self._committed_in, outgoing, self._group))
        return True

    def _committed_in(self, outgoing: Outgoing, group: object) -> float:
        """Commit, on the thread for it; return the seconds that it took."""
        began = time.monotonic()
        self._transactor.commit(outgoing, group)
        return time.monotonic() - began

    def _settle(self) -> None:
        """Wait for the transaction in flight, if there is one."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        try:
            seconds = flight.ended.result()
        except (TransactionFailedError, KafkaException) as error:
            self._on_failure(error, flight.outgoing)
            return
        for one, checkpoint in flight.outgoing.moved:
            one.committed = checkpoint
        sent = flight.outgoing
        self._notify(
            "committed",
            decisions=sent.decisions,
            by_cause=sent.by_cause,
            dead_letters=len(sent.with_headers),
            seconds=round(seconds, 6),
        )

    def _on_failure(self, error: TransactionFailedError | KafkaException, outgoing: Outgoing) -> None:
        zombie = isinstance(error, TransactionFailedError) and error.zombie
        self._notify("fenced" if zombie else "aborted", decisions=outgoing.decisions, error=str(error))
        self._recover_all()
        time.sleep(RETRY_AFTER_FAILURE)

    def _close(self) -> None:
        self._consumer.close()  # first: it calls back when the partitions are given up
        self._thread.shutdown()
        self._transactor.close()
        self._recoverer.close()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
