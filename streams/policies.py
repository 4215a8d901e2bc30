"""Documents on a compacted topic of one partition, and their markers on another topic. Knows nothing of what they say.

Who writes is alone: opening a writer fences the one before it, so that two people who publish at once cannot both take
the same version for free. Markers go out without a transaction: its control record would be the end of a partition, and
the place of a reader, on which evidence rests that nothing is on its way, would stay short of that end.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Event, Thread

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams import clients, offsets

_log = logging.getLogger("sluice.policy")
_QUIET: clients.Properties = {"log_level": 3}  # errors: that a coordinator is asked again is nothing for a person
_BATCH = 500
_PAUSE = 0.2  # s between two attempts
_ERRORS_FOR = 5.0  # s; a partition that has just been made has no leader for a moment
_LOOK = 0.05  # s
_CLOSE_TIMEOUT = 5.0  # s
_TIMEOUT = 20.0  # s; for what the brokers have to acknowledge
_TRANSACTION_MS = 10_000  # for how long a writer that was killed holds readers up


class WriterFencedError(KafkaException):
    """Somebody else has begun to write; what was sent since then is not on the topic."""


@dataclass(frozen=True, slots=True)
class Document:
    """The newest record of a key."""

    key: str
    value: bytes
    at: int  # the broker's time, ms since 1970


class DocumentReader:
    """Holds the newest value of each key, as of the last look."""

    def __init__(self, properties: clients.Properties, topic: str) -> None:
        """Read nothing yet."""
        self.documents: dict[str, Document] = {}
        self._properties = properties
        self._topic = topic
        self._admin: AdminClient = clients.admin(properties)
        self._next = 0

    def refresh(self, seconds: float) -> None:
        """Read on, to the end that the topic has now, open transactions included.

        Args:
            seconds: how long that may take, about. Errors are tried again, for 5 s of it at most.

        Raises:
            KafkaException: the brokers refused, or the end was not reached. What was read is kept.
        """
        begun = time.monotonic()
        while True:
            try:
                self._read_on(begun + seconds)
            except KafkaException as exception:
                if time.monotonic() - begun >= min(seconds, _ERRORS_FOR):
                    raise
                _log.info("%s is not read yet: %s", self._topic, exception.args[0])
                Event().wait(_PAUSE)
            else:
                return

    def _read_on(self, until: float) -> None:
        end = offsets.ends(self._admin, self._topic, [0])[0]
        start = offsets.starts(self._admin, self._topic, [0])[0]
        if end < self._next:  # the topic was made anew
            self.documents.clear()
            self._next = 0
        if end == self._next:
            return
        consumer = clients.reader(self._properties, enable_partition_eof=True)
        try:
            consumer.assign([TopicPartition(self._topic, 0, max(self._next, start))])
            while self._next < end:
                if time.monotonic() > until:
                    reason = f"the end of {self._topic} was not reached in time"
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, reason))  # noqa: SLF001
                for message in consumer.consume(_BATCH, timeout=_LOOK):
                    self._take(message)
        finally:
            consumer.close()

    def _take(self, message: Message) -> None:
        error, offset = message.error(), message.offset() or 0
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the name librdkafka gives it
                raise KafkaException(error)
            self._next = max(self._next, offset)
            return
        self._next = offset + 1
        raw, value = message.key(), message.value()
        key = raw.decode(errors="replace") if isinstance(raw, bytes) else ""
        self.documents.pop(key, None)  # so that they stay in the order of the topic
        if isinstance(value, bytes):
            self.documents[key] = Document(key, value, message.timestamp()[1])


class DocumentWriter:
    """Writes documents, each in a transaction of its own, as the only one who does."""

    def __init__(self, properties: clients.Properties, topic: str) -> None:
        """Fence whoever writes to the topic, and wait until what they began has ended.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        self._topic = topic
        self._producer = clients.producer(
            {**_QUIET, **properties}, transactional_id=f"{topic}-writer", transaction_timeout_ms=_TRANSACTION_MS
        )
        self._producer.init_transactions(_TIMEOUT)

    def put(self, key: str, value: bytes) -> None:
        """Write a document; it is there when this returns.

        Raises:
            WriterFencedError: somebody else has begun to write.
            KafkaException: the brokers refused or did not answer; it may be there all the same.
        """
        self.put_all([(self._topic, key, value)])

    def put_all(self, records: Iterable[tuple[str, str, bytes]]) -> None:
        """Write records, each with its topic and key, to the first partitions of topics: all of them or none.

        Raises:
            WriterFencedError: somebody else has begun to write.
            KafkaException: the brokers refused or did not answer; they may be there all the same.
        """
        try:
            self._producer.begin_transaction()
            for topic, key, value in records:
                self._producer.produce(topic, value, key.encode(), 0)
            self._producer.commit_transaction(_TIMEOUT)
        except KafkaException as exception:
            if exception.args[0].code() in {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH}:  # noqa: SLF001
                raise WriterFencedError(exception.args[0]) from exception
            raise

    def close(self) -> None:
        """Close the producer, without waiting for long: a transaction that is open ends with its time-out."""
        closing = Thread(target=_close, args=(self._producer,), name="closing-writer", daemon=True)
        closing.start()
        closing.join(_CLOSE_TIMEOUT)


def _close(producer: Producer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one that was fenced has nothing left to end, and says so
        producer.close()


def mark(properties: clients.Properties, topic: str, partitions: int, value: bytes) -> tuple[int, ...]:
    """Append a record to every partition of a topic, without a transaction; return its offset in each.

    Raises:
        KafkaException: the brokers refused or did not answer; some partitions may have it all the same.
    """
    placed: dict[int, int] = {}
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(error)
        else:
            placed[message.partition() or 0] = message.offset() or 0

    producer = clients.producer({**_QUIET, **properties}, delivery_timeout_ms=int(_TIMEOUT * 1000))
    try:
        for number in range(partitions):
            producer.produce(topic, value, partition=number, on_delivery=delivered)
        producer.flush(_TIMEOUT)
    finally:
        producer.close()
    if failed or len(placed) < partitions:
        late = KafkaError(KafkaError._TIMED_OUT, "not all were acknowledged in time")  # noqa: SLF001
        raise KafkaException(failed[0] if failed else late)
    return tuple(placed[number] for number in range(partitions))
