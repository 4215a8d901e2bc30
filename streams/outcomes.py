"""What becomes of a message of `items`: an answer, a dead letter and an answer, or the end of its parent forwarded.

A dead letter is acknowledged first and its parent learns of it then, so that no `ItemFailed` lacks its dead letter. A
message is finished when the brokers have acknowledged the last of its records.

Where candidates run in shadow, every answer and every end goes to their topics too: theirs where they have one of their
own, else the same. What the brokers refuse of a shadow is passed over and counted: it must not stop what is live.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.items import ParentEndedEvent
from schemas.scores import ItemFailed, ParentEnded
from streams import envelope
from streams.deadletters import dead_letter
from streams.messages import headers_of, value_of
from streams.shadows import shadow_names
from streams.standing import Flow
from streams.work import Answer, Plain, ScoreSettings, Shadowed, Ticket

_FLUSH_SECONDS = 2.0


class Outcomes:
    """Produces the records of outcomes, and tells when a message is finished."""

    def __init__(
        self,
        producer: Producer,
        settings: ScoreSettings,
        flow: Flow,
        finished: Callable[[Ticket], None],
    ) -> None:
        """Take over a producer.

        Args:
            producer: is closed with this object.
            settings: the topics, the candidates in shadow, and how long the brokers may acknowledge nothing.
            flow: counts what was refused, and the dead letters.
            finished: called within `serve`, and within whatever produces while the producer's queue is full.
        """
        self._producer = producer
        self._names = settings.names
        self._flow = flow
        self._finished = finished
        self._stuck_seconds = settings.stuck_seconds
        self._shadows = {name: shadow_names(settings.names, name).scores for name in settings.shadows}
        self._acknowledged_at = 0.0  # or since when something waits for it
        self._failure: KafkaError | None = None

    @property
    def stuck(self) -> bool:
        """Whether the brokers are gone: records wait for them, and none was acknowledged for long."""
        return len(self._producer) > 0 and time.monotonic() - self._acknowledged_at >= self._stuck_seconds

    def serve(self, seconds: float = 0.0) -> None:
        """Learn of what was acknowledged, waiting so long for the first.

        Raises:
            KafkaException: a record cannot be written, now or later.
        """
        self._producer.poll(seconds)
        if self._failure is not None:
            raise KafkaException(self._failure)

    def answer(self, ticket: Ticket, message: Message, answer: Answer) -> None:
        """Produce an answer, and the dead letter of one that failed."""
        if isinstance(answer, ItemFailed):
            self._bury(ticket, dead_letter(message, "score", answer.cause, answer.detail), answer)
        else:
            self._produce_last(ticket, answer)

    def refuse(self, ticket: Ticket, message: Message, error: envelope.EnvelopeError) -> None:
        """Send a message that is no item to the dead letters; its parent learns of it where it is known."""
        self._flow.refused += 1
        known = envelope.identify(headers_of(message), message.key(), value_of(message))
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

    def end(self, ticket: Ticket, event: ParentEndedEvent) -> None:
        """Forward the end of a parent."""
        record = ParentEnded(
            parent_id=event.parent_id,
            kind=event.kind,
            source=event.source,
            count=event.count,
            appended_at=ticket.appended_at,
        )
        self._produce_last(ticket, record)

    def flush(self) -> None:
        """Wait a little for the last acknowledgements, unless the brokers are gone."""
        self._producer.flush(0 if self.stuck else _FLUSH_SECONDS)

    def close(self) -> None:
        """Give the producer up, with what it still holds: closing would wait for brokers that may be gone."""
        self._producer.purge()
        self._producer.close()

    def _bury(self, ticket: Ticket, letter: dict[str, Any], failed: ItemFailed | None) -> None:
        """Produce the dead letter; only when it is acknowledged, tell its parent."""

        def acknowledged() -> None:
            self._flow.dead_letters += 1
            if failed is None:
                self._finished(ticket)
            else:
                self._produce_last(ticket, failed)

        self._produce(acknowledged, topic=self._names.dead_letters, **letter)

    def _produce_last(self, ticket: Ticket, answer: Answer | ParentEnded) -> None:
        """Produce what answers a message; it is finished when the brokers have acknowledged all of it."""
        record = answer.live if isinstance(answer, Shadowed) else answer
        key, waiting = record.parent_id.encode(), 1 + len(self._shadows)

        def acknowledged() -> None:
            nonlocal waiting
            waiting -= 1
            if waiting == 0:
                self._finished(ticket)

        others: Mapping[str, Plain] = answer.shadows if isinstance(answer, Shadowed) else {}
        for name, topic in self._shadows.items():
            other = others.get(name, record)
            self._produce(acknowledged, shadow=True, topic=topic, key=key, value=other.to_json())
        self._produce(acknowledged, topic=self._names.scores, key=key, value=record.to_json())

    def _produce(self, acknowledged: Callable[[], None], *, shadow: bool = False, **message: Any) -> None:
        def delivered(error: KafkaError | None, _: Message | None) -> None:
            if error is None:
                self._acknowledged_at = time.monotonic()
                acknowledged()
            elif shadow:
                self._flow.shadows_lost += 1
                acknowledged()
            elif self._failure is None:
                self._failure = error

        if len(self._producer) == 0:
            self._acknowledged_at = time.monotonic()  # nothing was awaited until now
        try:
            self._hand_over(on_delivery=delivered, **message)
        except KafkaException as exception:
            if not shadow:
                raise
            delivered(exception.args[0], None)  # its topic is gone, and the producer knows

    def _hand_over(self, **message: Any) -> None:
        while True:
            try:
                self._producer.produce(**message)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return
