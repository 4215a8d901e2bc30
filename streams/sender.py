"""Sends what the gates have decided: one transaction at a time, which ends while the loop reads on.

Whoever takes a partition away, or reads anew what was committed, has to `settle` first.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException

from streams.clients import PropertiesError
from streams.gates import DecideSettings, Notify, Owned
from streams.outgoing import Gatherer, Outgoing
from streams.transaction import TransactionFailedError, Transactor

_log = logging.getLogger("sluice.decide")

QUIET_COMMIT_EVERY = 0.5  # s; nothing decided: the low watermark is committed no more often
RETRY_AFTER_FAILURE = 0.2  # s; a broker that refuses is not asked in a tight loop


@dataclass(frozen=True, slots=True)
class _Flight:
    """The transaction in flight."""

    outgoing: Outgoing
    ended: Future[float]  # s that it took


class Sender:
    """Gathers, sends and settles transactions, on behalf of a member of the deciders' group."""

    def __init__(
        self,
        transactor: Transactor,
        consumer: Consumer,
        settings: DecideSettings,
        notify: Notify,
        failed: Callable[[], None],
    ) -> None:
        """Start the thread that waits for commits.

        Args:
            transactor: is closed with this object.
            consumer: the member of the group.
            settings: names the topics.
            notify: told how each transaction ended.
            failed: called when one is not certain to have committed: all state has to be forgotten and recovered.
        """
        self.sent_at = 0.0  # monotonic s; when a transaction was last due
        self._transactor = transactor
        self._consumer = consumer
        self._gatherer = Gatherer(settings)
        self._notify = notify
        self._failed = failed
        self._group: object = None
        self._flight: _Flight | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="transaction")

    @property
    def in_flight(self) -> bool:
        """Whether a transaction has begun and was not settled."""
        return self._flight is not None

    def joined(self) -> None:
        """Take the group's metadata; to be called within the callback that brings the assignment."""
        # Metadata taken later may be of a generation in which the partition is another's. A member that was away can
        # get a late assignment when it has no member id any more. Metadata without one is not checked by the broker,
        # so nothing is sent with it; `lost` follows.
        member, group = self._consumer.memberid(), self._consumer.consumer_group_metadata()
        self._group = group if member and member == self._consumer.memberid() else None

    def open(self) -> bool:
        """Get ready to send, which ends an open transaction of our own; return whether the brokers let us.

        Raises:
            PropertiesError: they never will, with these properties.
        """
        try:
            self._transactor.open()
        except PropertiesError:
            raise
        except KafkaException as exception:
            _log.warning("recovery waits for the transaction coordinator: %s", exception.args[0])
            return False
        return True

    def send(self, owned: Collection[Owned], limit: int, *, final: bool = False) -> bool:
        """Begin a transaction with what was decided, once the one before has ended.

        Args:
            owned: the partitions that are ours and recovered.
            limit: how many decisions it may hold.
            final: also where nothing was decided lately, so that the next owner has less to read again.

        Returns:
            Whether there was anything to send.

        Raises:
            PropertiesError: see `open`.
        """
        self.settle()
        if self._group is None or self._consumer.consumer_group_metadata() != self._group:
            return False  # the group is changing: it would be refused, and the next assignment is on its way
        due = any(one.gate.ready or one.dead for one in owned)
        if not (due or final) and time.monotonic() - self.sent_at < QUIET_COMMIT_EVERY:
            return False
        outgoing = self._gatherer.gather(owned, limit)
        self.sent_at = time.monotonic()
        return bool(outgoing.offsets) and self._begin(outgoing)

    def settle(self) -> None:
        """Wait for the transaction in flight, if there is one."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        try:
            seconds = flight.ended.result()
        except TransactionFailedError as error:
            self._on_failure(error, error.end, flight.outgoing)
            return
        sent = flight.outgoing
        for one, checkpoint in sent.moved:
            one.committed = checkpoint
        self._notify(
            "committed",
            decisions=sent.decisions,
            by_cause=sent.by_cause,
            dead_letters=len(sent.with_headers),
            seconds=round(seconds, 6),
        )

    def close(self) -> None:
        """Wait for the thread and give the producer up."""
        self._thread.shutdown()
        self._transactor.close()

    def _begin(self, outgoing: Outgoing) -> bool:
        try:
            self._transactor.begin(outgoing)
        except TransactionFailedError as error:
            self._on_failure(error, error.end, outgoing)
        except PropertiesError:
            raise
        except KafkaException as error:
            self._on_failure(error, "aborted", outgoing)  # nothing was begun
        else:
            self._flight = _Flight(outgoing, self._thread.submit(self._committed_in, outgoing, self._group))
        return self.in_flight

    def _committed_in(self, outgoing: Outgoing, group: object) -> float:
        """Commit, on the thread for it; return the seconds that it took."""
        began = time.monotonic()
        self._transactor.commit(outgoing, group)
        return time.monotonic() - began

    def _on_failure(self, error: Exception, end: str, outgoing: Outgoing) -> None:
        self._notify(end, decisions=outgoing.decisions, error=str(error))
        self._failed()
        time.sleep(RETRY_AFTER_FAILURE)
