"""Publishing raw items: what a producer of ours does, and what one of anybody's must do."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.items import ParentEndedEvent, RawItem
from streams import clients, envelope
from streams.claimfolder import ClaimFolder
from streams.topics import MAX_ITEM_BYTES

_HEADER_ROOM = 4096
MAX_VALUE_BYTES = MAX_ITEM_BYTES - 4 * _HEADER_ROOM  # a broker counts key, headers and what a batch adds, too
_MAX_QUEUED_KIB = 128 * 1024


class PublishError(Exception):
    """An item that the brokers did not take; the text names it."""


class OversizedError(PublishError):
    """An item that no message can hold and that could not be put elsewhere; nothing is wrong with the others."""


class Publisher:
    """Sends items and ends of parents to a topic, in order, keyed by parent id."""

    def __init__(self, properties: clients.Properties, topic: str, claims: ClaimFolder | None = None) -> None:
        """Open the producer.

        Args:
            properties: of the brokers.
            topic: of items.
            claims: where an item's bytes are put that are too many for a message.
        """
        self._topic = topic
        self._claims = claims
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
            OversizedError: it is too large for a message, and there is no folder for claim checks, or it is full.
            PublishError: the brokers refused an earlier one.
        """
        if len(item.value) > MAX_VALUE_BYTES:
            item = self._claim(item)
        self._send(item.envelope.parent_id, item.value, envelope.item_headers(item.envelope))

    def _claim(self, item: RawItem) -> RawItem:
        told = f"{item.envelope.id} has {len(item.value)} bytes, and a message takes {MAX_VALUE_BYTES} at most"
        if self._claims is None:
            raise OversizedError(
                f"{told}. Set SLUICE_CLAIM_DIR to a folder that the workers can read too, and that is among their"
                " SLUICE_CLAIM_ROOTS: it is put there, and a reference is sent"
            )
        try:
            return self._claims.checked_in(item)
        except OSError as error:
            raise OversizedError(f"{told}; it cannot be put into SLUICE_CLAIM_DIR: {error}") from error

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
