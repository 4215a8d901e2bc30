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
from itertools import groupby
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import clients
from streams.deadletters import dead_letter
from streams.evidence import EvidenceCollector
from streams.gates import DecideSettings, MakeGate, Notify, Owned, Records
from streams.logstart import LogStart
from streams.ownership import Ownership
from streams.recovery import Recoverer
from streams.sender import Sender
from streams.standing import LagWatch, Standing
from streams.transaction import Transactor

_log = logging.getLogger("sluice.decide")

BATCH_RECORDS = 2_000
BATCH_WAIT = 0.1  # s; how long a batch may gather, so also how long a decision may wait for others
MAX_DECISIONS = 5_000  # in a transaction, so that it stays well below its time-out; as many wait for the next one
MAX_SPAN = 1.0  # s between transactions while there is more to read: each costs as much time as 2,000 scores
DRAIN_SECONDS = 5.0  # how long the last decisions wait for a rebalance to end; another owner makes them otherwise


class DecideLoop:
    """Reads `scores`, lets gates decide, and sends each decision exactly once."""

    def __init__(
        self, properties: clients.Properties, settings: DecideSettings, make_gate: MakeGate, notify: Notify
    ) -> None:
        """Open the clients; nothing is read before `run`.

        Raises:
            PropertiesError: a client refuses its properties.
        """
        self._names = settings.names
        self._notify = notify
        transactor = Transactor(properties, settings.transactional_id)  # first: its properties clash most easily
        self._consumer: Consumer = clients.consumer(properties, settings.group, auto_offset_reset="error")
        self._sender = Sender(transactor, self._consumer, settings, notify, failed=self._start_over)
        recoverer = Recoverer(properties, settings.names, settings.partitions, make_gate)
        self._ownership = Ownership(self._consumer, settings.names.scores, recoverer, notify)
        self._evidence = EvidenceCollector(properties, settings.names, settings.score_group, settings.partitions)
        self._log_start = LogStart(properties, settings)
        self._lag = LagWatch(self._consumer, settings.names.scores)
        self._joined = False
        self._draining = False
        self._turned_at = 0.0

    @property
    def standing(self) -> Standing:
        """Where it stands; any thread may ask."""
        return Standing(
            turned_at=self._turned_at,
            joined=self._joined,
            owned=len(self._ownership.owned),
            recovering=self._ownership.recovering,
            draining=self._draining,
            lag=self._lag.lag,
        )

    def run(self, stopped: Callable[[], bool]) -> None:
        """Decide until told to stop.

        Raises:
            PartitionCountError: the number of partitions was changed.
            PropertiesError: the brokers refuse the properties.
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

    def _turn(self) -> None:
        self._turned_at = time.monotonic()
        if self._ownership.busy:
            self._recover()
        wait = 0.01 if self._ownership.busy or self._ownership.ready else BATCH_WAIT
        messages = self._consumer.consume(BATCH_RECORDS, timeout=wait)
        self._apply(messages)
        self._close_windows()
        if len(messages) < BATCH_RECORDS or self._full():
            self._send()
        self._log_start.advance(self._ownership.owned.values())
        if self._lag.due():
            self._lag.look({number: one.gate.position for number, one in self._ownership.owned.items()})

    def _full(self) -> bool:
        """Whether a transaction is due although more can be read at once."""
        return self._ownership.ready >= MAX_DECISIONS or time.monotonic() - self._sender.sent_at >= MAX_SPAN

    def _send(self, *, final: bool = False) -> bool:
        return self._sender.send(self._ownership.owned.values(), MAX_DECISIONS, final=final)

    def _drain(self) -> None:
        """Finish the transaction in flight, and commit what is decided. Nothing more is read."""
        self._draining = True
        self._notify("draining", decisions=self._ownership.ready)
        until = time.monotonic() + DRAIN_SECONDS
        self._send(final=True)
        while self._sender.in_flight or (self._ownership.ready and time.monotonic() < until):
            if not self._send() and self._ownership.ready:
                self._consumer.consume(1, timeout=0.05)  # for its callbacks: the group is changing
        self._notify("drained", unfinished=self._ownership.ready)

    def _close(self) -> None:
        self._consumer.close()  # first: it calls back when the partitions are given up
        self._sender.close()
        self._ownership.close()
        self._evidence.close()

    # --------------------------------------------------------------------------------------------------- records

    def _apply(self, messages: list[Message]) -> None:
        now = _wall_ms()
        failed = list(filter(Message.error, messages))
        for message in failed:
            self._on_error(message)
        good = [message for message in messages if message.error() is None] if failed else messages
        for partition, run in groupby(good, key=Message.partition):
            one = self._ownership.owned.get(partition or 0)
            if one is not None:  # else consumed before its partition was taken away or recovered
                self._apply_run(one, list(run), now)

    def _apply_run(self, one: Owned, run: list[Message], now: int) -> None:
        records = zip(map(Message.offset, run), map(Message.value, run), strict=True)
        try:
            # an offset is None in a message of our own alone
            problems = {problem.offset: problem for problem in one.gate.apply(cast("Records", records), now)}
        except KafkaException as exception:  # a policy could not be looked up: nothing is decided under another one
            _log.warning("partition %d starts over: %s", one.partition, exception.args[0])
            self._start_over()
            return
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
            self._start_over()
        elif error.fatal():
            raise KafkaException(error)
        else:
            _log.info("consuming: %s", error)

    def _close_windows(self) -> None:
        """Close what is due by the wall clock, where there is evidence that nothing is on its way."""
        now = _wall_ms()
        for one, deadline in self._evidence.collect(self._ownership.owned.values(), time.monotonic()):
            one.gate.close_due(deadline, now)

    # ------------------------------------------------------------------------------------------------ partitions

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._sender.settle()
        self._sender.joined()
        self._ownership.assign(partitions)
        self._joined = True

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up(partitions, "revoked")

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._joined = False
        self._give_up(partitions, "lost")

    def _give_up(self, partitions: list[TopicPartition], event: str) -> None:
        self._sender.settle()
        self._evidence.forget([place.partition for place in partitions])
        self._ownership.give_up(partitions, event)

    def _recover(self) -> None:
        self._sender.settle()
        if self._sender.open():  # first of all, so that recovery does not wait for an open transaction of our own
            self._ownership.recover()

    def _start_over(self) -> None:
        """Forget all state and build it again from the topics: a transaction is not certain to have committed."""
        self._evidence.forget(list(self._ownership.owned))
        self._ownership.start_over()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
