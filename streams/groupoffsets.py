"""What a consumer group has committed.

The admin client has a call for it, which ends the whole process where the group's coordinator is being loaded or has
moved (librdkafka 2.16: it asks for the coordinator in the name of a group that an admin client is not in). So the
question is put as a consumer of the group would, which never joins it and commits nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams import clients

_TIMEOUT = 5.0  # s
_PAUSE = 0.1
_ON_ITS_WAY = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


class GroupOffsets:
    """Asks for the offsets of one group."""

    def __init__(self, properties: clients.Properties, group: str) -> None:
        """Open a client.

        Raises:
            PropertiesError: it refuses its properties.
        """
        self._consumer = clients.bystander(properties, group)

    def places(self, topic: str, partitions: Iterable[int]) -> list[TopicPartition]:
        """Return what is committed for partitions, with the metadata; a negative offset where nothing is.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        return self._consumer.committed([TopicPartition(topic, number) for number in partitions], timeout=_TIMEOUT)

    def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return the committed offset for each partition; 0 where there is none.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        return {place.partition: max(0, place.offset) for place in self.places(topic, partitions)}

    def close(self) -> None:
        """Close the client."""
        self._consumer.close()


def committed(properties: clients.Properties, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Ask once, and wait a little where the group's coordinator is on its way; see `GroupOffsets.committed`."""
    until, wanted = time.monotonic() + _TIMEOUT, list(partitions)
    with closing(GroupOffsets(properties, group)) as offsets:
        while True:
            try:
                return offsets.committed(topic, wanted)
            except KafkaException as exception:
                if exception.args[0].code() not in _ON_ITS_WAY or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)
