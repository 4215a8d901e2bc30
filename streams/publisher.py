"""Publishing raw items: what a producer of ours does, and what one of anybody's must do."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.items import ParentEndedEvent, RawItem
from streams import clients, envelope
from streams.topics import MAX_ITEM_BYTES

_HEADER_ROOM = 4096
_MAX_QUEUED_KIB = 128 * 1024


class PublishError(Exception):
    """An item that the brokers did not take; the text names it."""


class Publisher:
    """Sends items and ends of parents to a topic, in order, keyed by parent id."""

    def __init__(self, properties: clients.Properties, topic: str) -> None:
        """Open the producer."""
        self._topic = topic
        self._producer: Producer = clients.producer(
            properties,
            message_max_bytes=MAX_ITEM_BYTES + _HEADER_ROOM,
            queue_buffering_max_kbytes=_MAX_QUEUED_KIB,
        )
        self._failure: KafkaError | None = None
        self.acknowledged = 0

    def item(self, item: RawItem) -> None:
        """Send an item. Returns when it is queued; waits while the queue is full.

        Raises:
            PublishError: it is too large, or the brokers refused an earlier one.
        """
        size = len(item.value)
        if size > MAX_ITEM_BYTES:
            raise PublishError(f"{item.envelope.id} has {size} bytes; a topic of items takes {MAX_ITEM_BYTES} at most")
        self._send(item.envelope.parent_id, item.value, envelope.item_headers(item.envelope))

    def end(self, parent_id: str, kind: str, source: str, count: int | None = None) -> None:
        """Say that nothing more of a parent will come.

        Raises:
            PublishError: the brokers refused an earlier record.
        """
        event = ParentEndedEvent(id=f"ended-{uuid4()}", source=source, kind=kind, parent_id=parent_id, count=count)
        self._send(parent_id, None, envelope.parent_ended_headers(event))

    def flush(self, seconds: float = 60.0) -> None:
        """Wait until the brokers have acknowledged everything.

        Raises:
            PublishError: they refused something, or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        while (left := self._producer.flush(0.2)) and self._failure is None:
            if time.monotonic() > deadline:
                raise PublishError(f"{left} records were not acknowledged within {seconds:.0f} s")
        self._check()

    def close(self) -> None:
        """Close the producer."""
        self._producer.close()

    def _send(self, key: str, value: bytes | None, headers: envelope.Headers) -> None:
        message: dict[str, Any] = {"key": key.encode(), "value": value, "headers": headers}
        while True:
            self._check()
            try:
                self._producer.produce(self._topic, on_delivery=self._delivered, **message)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                raise PublishError(f"a record of {key} was not taken: {error.args[0]}") from error
            else:
                break
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.acknowledged += 1
        elif self._failure is None:
            self._failure = error

    def _check(self) -> None:
        if self._failure is not None:
            raise PublishError(f"the brokers refused a record: {self._failure}")
