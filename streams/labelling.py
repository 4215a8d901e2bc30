"""The log of labels: appended by whoever judges, read whole by whoever needs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, KafkaException, Message
from pydantic import ValidationError

from schemas.labels import LabelGiven
from streams import clients
from streams.history import read_whole

_TIMEOUT = 60.0  # s; for what the brokers have to acknowledge


class LabelLog:
    """The topic `labels`. A label that was sent twice is read once."""

    def __init__(self, properties: clients.Properties, topic: str, partitions: int) -> None:
        """Name the topic; nothing is asked of the brokers yet."""
        self._properties = properties
        self._topic = topic
        self._partitions = partitions
        self.unreadable = 0  # records of the last reading that are no labels

    def read(self) -> list[LabelGiven]:
        """Return all labels, the earliest judged first; those of one time in the order of the topic.

        A target's labels lie in one partition, so that the order is the same for everyone.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        self.unreadable = 0
        found: dict[str, LabelGiven] = {}
        for message in read_whole(self._properties, self._topic, self._partitions):
            try:
                label = LabelGiven.model_validate_json(message.value() or b"")
            except ValidationError:
                self.unreadable += 1
                continue
            found.setdefault(label.id, label)
        return sorted(found.values(), key=lambda label: label.at)

    def append(self, labels: Iterable[LabelGiven], advance: Callable[[int], None]) -> None:
        """Append labels; they are there when this returns.

        Args:
            labels: in the order in which they were given.
            advance: told how many further ones were acknowledged.

        Raises:
            KafkaException: the brokers refused or did not answer; some of them may be there all the same.
        """
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                advance(1)
            else:
                failed.append(error)

        producer = clients.producer(self._properties, delivery_timeout_ms=int(_TIMEOUT * 1000))
        try:
            for label in labels:
                while True:
                    try:
                        producer.produce(self._topic, label.to_json(), label.parent_id.encode(), on_delivery=delivered)
                    except BufferError:
                        producer.poll(0.1)
                    else:
                        break
                producer.poll(0)
            deadline = time.monotonic() + _TIMEOUT
            while (left := producer.flush(0.5)) and not failed and time.monotonic() < deadline:
                pass
        finally:
            producer.close()
        if failed or left:
            late = KafkaError(KafkaError._TIMED_OUT, f"{left} labels were not acknowledged in time")  # noqa: SLF001
            raise KafkaException(failed[0] if failed else late)
