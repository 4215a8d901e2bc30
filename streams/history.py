"""Reading topics up to their end, or as they grow, as a consumer of decisions would: read_committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import clients, offsets

_BATCH = 2_000


def read_whole(properties: clients.Properties, topic: str, partitions: int) -> Iterator[Message]:
    """Yield every record that a topic has now.

    Raises:
        KafkaException: the brokers refused.
    """
    return read_from(properties, topic, dict.fromkeys(range(partitions), 0))


def read_from(properties: clients.Properties, topic: str, starts: Mapping[int, int]) -> Iterator[Message]:
    """Yield every record that some partitions of a topic have now, each from an offset on.

    The end is asked for first, READ_UNCOMMITTED: where a transaction is still being finished, a read_committed consumer
    would take the place before it for the end.

    Args:
        properties: of the brokers.
        topic: its name.
        starts: the first offset for each partition; what retention has deleted above it is passed over.

    Raises:
        KafkaException: the brokers refused.
    """
    admin = clients.admin(properties)
    ends, kept = offsets.ends(admin, topic, starts), offsets.starts(admin, topic, starts)
    begins = {partition: max(start, kept[partition]) for partition, start in starts.items()}
    missing = {partition for partition, begin in begins.items() if begin < ends[partition]}
    consumer = _assigned(properties, [TopicPartition(topic, partition, begins[partition]) for partition in missing])
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

    def __init__(
        self, properties: clients.Properties, topics: list[str], partitions: int, *, from_end: bool = False
    ) -> None:
        """Begin at the first record, or at what comes after now."""
        begin = OFFSET_END if from_end else OFFSET_BEGINNING
        places = [TopicPartition(topic, n, begin) for topic in topics for n in range(partitions)]
        self._consumer = _assigned(properties, places)

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


def _assigned(properties: clients.Properties, places: list[TopicPartition]) -> Consumer:
    consumer = clients.reader(properties, enable_partition_eof=True)
    consumer.assign(places)
    return consumer
