"""Reading topics whole, as a consumer of decisions would: read_committed, from the beginning to the end."""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import clients, offsets

_BATCH = 2_000


def read_whole(properties: clients.Properties, topic: str, partitions: int) -> Iterator[Message]:
    """Yield every record that a topic has now.

    The end is asked for first, READ_UNCOMMITTED: where a transaction is still being finished, a read_committed consumer
    would take the place before it for the end.

    Raises:
        KafkaException: the brokers refused.
    """
    ends = offsets.ends(clients.admin(properties), topic, range(partitions))
    missing = {partition for partition, end in ends.items() if end > 0}
    consumer = _assigned(properties, [topic], partitions)
    try:
        while missing:
            for message in consumer.consume(_BATCH, timeout=0.5):
                partition, reached = message.partition() or 0, message.offset() or 0
                error = message.error()
                if error is None:
                    yield message
                    reached += 1
                elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the name librdkafka gives it
                    raise KafkaException(error)
                if reached >= ends[partition]:
                    missing.discard(partition)
    finally:
        consumer.close()


class Follower:
    """Follows topics as records come."""

    def __init__(self, properties: clients.Properties, topics: list[str], partitions: int) -> None:
        """Begin at the first record."""
        self._consumer = _assigned(properties, topics, partitions)

    def poll(self, seconds: float) -> list[Message]:
        """Return the records that came, waiting this long for the first.

        Raises:
            KafkaException: the brokers refused.
        """
        first = self._consumer.consume(1, timeout=seconds)
        messages = first + (self._consumer.consume(_BATCH, timeout=0.01) if first else [])
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                raise KafkaException(error)
        return [message for message in messages if message.error() is None]

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


def _assigned(properties: clients.Properties, topics: list[str], partitions: int) -> Consumer:
    consumer = clients.reader(properties, enable_partition_eof=True)
    consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for topic in topics for n in range(partitions)])
    return consumer
