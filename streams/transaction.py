"""One transaction: records and offsets together, or nothing. After an error that leaves doubt, a new producer.

How a transaction ended is named by what is known of it:

- `committed`: the brokers said so;
- `aborted`: nothing was committed, since the commit was not asked for, or the abort was confirmed;
- `fenced`: another replica owns the partitions, or the transactional id, by now;
- `unknown`: the commit was asked for, and nobody said how it ended. Recovery reads what happened.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from streams import clients
from streams.outgoing import Outgoing
from streams.topics import MAX_DEAD_LETTER_BYTES

_log = logging.getLogger("sluice.decide")

TRANSACTION_TIMEOUT_MS = 10_000  # how long a killed decider's open transaction holds back readers
_CALL_TIMEOUT = 15.0
_CLOSE_TIMEOUT = 2.0

# The broker's ways to say that another replica owns the partitions, or the transactional id, by now.
ZOMBIE_CODES = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - the name librdkafka gives it
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.STALE_MEMBER_EPOCH,
    }
)


class TransactionFailedError(Exception):
    """The transaction is not certain to have committed. What was applied must be forgotten and recovered."""

    def __init__(self, error: KafkaError, *, in_doubt: bool) -> None:
        super().__init__(f"{error.name()}: {error.str()}")
        self.end = "fenced" if error.code() in ZOMBIE_CODES else "unknown" if in_doubt else "aborted"


class Transactor:
    """Sends transactions under one transactional id."""

    def __init__(self, properties: clients.Properties, transactional_id: str) -> None:
        """Name the transactional id; a stable one ends its own open transaction as soon as it is back.

        Raises:
            PropertiesError: a transactional producer cannot be made with the properties.
        """
        self._properties = properties
        self._id = transactional_id
        self._unopened: Producer | None = self._made()  # at once, so that wrong properties show at once
        self._producer: Producer | None = None

    def open(self) -> None:
        """Get ready to send: fences an earlier producer of this id and ends its open transaction.

        Raises:
            PropertiesError: the brokers refuse the properties, such as a user who may not write transactions.
            KafkaException: the brokers did not answer in time, or refused.
        """
        if self._producer is not None:
            return
        # an idle producer is false, since its length is that of its queue
        producer, self._unopened = self._made() if self._unopened is None else self._unopened, None
        try:
            producer.init_transactions(_CALL_TIMEOUT * 2)
        except KafkaException as exception:
            _discard(producer)
            error: KafkaError = exception.args[0]
            if error.fatal() and error.code() not in ZOMBIE_CODES:
                raise clients.PropertiesError(error) from exception
            raise
        self._producer = producer

    def begin(self, outgoing: Outgoing) -> None:
        """Begin a transaction and hand its records to the producer.

        Raises:
            TransactionFailedError: nothing was committed; recover from the topics.
            PropertiesError: see `open`.
            KafkaException: the brokers did not answer in time, or refused; nothing was begun.
        """
        self.open()
        with self._failing() as producer:
            producer.begin_transaction()
            _produce(producer, outgoing)

    def commit(self, outgoing: Outgoing, group: object) -> None:
        """Commit the transaction that was begun, with its offsets; wait until that is certain.

        It only waits, and holds up no other thread of Python.

        Args:
            outgoing: what the transaction was begun with.
            group: the consumer group's metadata as it was when the partitions were assigned; with fresher metadata
                the broker would let a replica commit a partition that it no longer owns.

        Raises:
            TransactionFailedError: nothing was committed, or nobody knows; recover from the topics.
        """
        with self._failing() as producer:
            producer.send_offsets_to_transaction(outgoing.offsets, group, _CALL_TIMEOUT)
        with self._failing(committing=True) as producer:
            producer.commit_transaction(_CALL_TIMEOUT)

    @contextmanager
    def _failing(self, *, committing: bool = False) -> Iterator[Producer]:
        if self._producer is None:
            raise RuntimeError("a transaction without a producer")
        try:
            yield self._producer
        except KafkaException as exception:
            error: KafkaError = exception.args[0]
            aborted = self._aborted(error)
            raise TransactionFailedError(error, in_doubt=committing and not aborted) from exception

    def _aborted(self, error: KafkaError) -> bool:
        """Abort where the error asks for it. Any other outcome costs the producer: its state is not known."""
        if error.txn_requires_abort() and self._producer is not None:
            try:
                self._producer.abort_transaction(_CALL_TIMEOUT)
            except KafkaException as exception:
                _log.warning("abort failed, going on with a new producer: %s", exception)
            else:
                return True
        self.close()
        return False

    def close(self) -> None:
        """Give the producer up."""
        for producer in (self._producer, self._unopened):
            if producer is not None:
                _discard(producer)
        self._producer = self._unopened = None

    def _made(self) -> Producer:
        return clients.producer(
            self._properties,
            transactional_id=self._id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            message_max_bytes=MAX_DEAD_LETTER_BYTES,
            linger_ms=20,  # full batches; committing flushes, so that nothing ever waits for it
        )


def _produce(producer: Producer, outgoing: Outgoing) -> None:
    for (topic, partition), messages in outgoing.by_place.items():
        rest = messages
        while rest:
            # the partition is that of the call: one that stands in a message is ignored, despite the documentation
            sent = producer.produce_batch(topic, rest, partition)
            rest = _unsent(rest, sent)
            if rest:
                producer.poll(0.05)  # the local queue is full: let it drain
    for message in outgoing.with_headers:
        while not _produced(producer, message):
            producer.poll(0.05)
    producer.poll(0)


def _produced(producer: Producer, message: dict[str, Any]) -> bool:
    try:
        producer.produce(**message)
    except BufferError:
        return False
    return True


def _unsent(messages: list[dict[str, Any]], sent: int) -> list[dict[str, Any]]:
    """Return the messages that did not fit into the local queue.

    Raises:
        KafkaException: a message failed for another reason.
    """
    if sent == len(messages):
        return []
    failed = [message for message in messages if "_error" in message]
    for message in failed:
        error = message.pop("_error")
        if isinstance(error, KafkaError) and error.code() != KafkaError._QUEUE_FULL:  # noqa: SLF001
            raise KafkaException(error)
    return failed


def _discard(producer: Producer) -> None:
    """Close a producer without waiting for long.

    Closing first aborts an open transaction, which takes as long as the brokers are away. Its successor fences it, so
    nothing depends on how that ends.
    """
    closing = Thread(target=_close, args=(producer,), name="closing-producer", daemon=True)
    closing.start()
    closing.join(_CLOSE_TIMEOUT)


def _close(producer: Producer) -> None:
    try:
        producer.purge()
        producer.close()
    except (KafkaException, RuntimeError, SystemError) as error:  # the last: its warning, where warnings are errors
        _log.debug("closing a producer: %s", error)
