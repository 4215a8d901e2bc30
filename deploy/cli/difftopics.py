"""The brokers of a comparison: needed, at hand, or gone without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaException

from deploy.brokers.ladder import KafkaAddress, open_kafka
from deploy.diff.sides import Origin
from deploy.errors import BrokerError, ConfigurationError, SluiceError
from deploy.settings import Settings
from deploy.topicset import TopicSet
from streams import clients, topics
from streams.topics import TopicNames

Pair = tuple[Origin, Origin]
UNSEEN: Final = "the page shows no items, since the topics are not to be read"


@dataclass(slots=True)
class Topics:
    """The brokers, where they are needed or to be had; otherwise why not."""

    kafka: KafkaAddress | None = None
    needed: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def properties(self) -> clients.Properties | None:
        """Of librdkafka; None without brokers."""
        return None if self.kafka is None else self.kafka.properties


@contextmanager
def opened(settings: Settings, origins: Pair, *, needed: bool, wanted: bool) -> Iterator[Topics]:
    """Give the brokers where they are needed; where they would only add something, go without if they are not there.

    Args:
        settings: name the brokers and their topics.
        origins: of both sides.
        needed: without them there is no comparison.
        wanted: with them it shows more.

    Raises:
        BrokerError, TopicsError, ConfigurationError: they are needed, and not there or not as they must be.
    """
    found = Topics(needed=needed)
    with ExitStack() as stack:
        if needed:
            found.kafka = stack.enter_context(open_kafka(settings, settings.data_dir / "kafka"))
            TopicSet(clients.admin(found.kafka.properties), settings).verify()
            _check_partitions(settings, origins)
        elif wanted:
            try:
                found.kafka = stack.enter_context(_at_hand(settings, origins))
            except SluiceError as error:
                found.notes.append(f"{UNSEEN}: {error}")
        yield found


def _check_partitions(settings: Settings, origins: Pair) -> None:
    for origin in origins:
        if origin.spans is not None and len(origin.spans) != settings.partitions:
            raise ConfigurationError(
                f"{origin.name} is a replay of {len(origin.spans)} partitions, and SLUICE_PARTITIONS is "
                f"{settings.partitions}: it is of another topic set"
            )


@contextmanager
def _at_hand(settings: Settings, origins: Pair) -> Iterator[KafkaAddress]:
    """Give the brokers of a replay's topics, if they have them.

    Raises:
        SluiceError: they are not there, or other topics are.
    """
    folder_of_local = settings.data_dir / "kafka"
    if settings.kafka is None and not folder_of_local.exists():
        raise BrokerError(f"SLUICE_KAFKA is not set, and {folder_of_local} holds no local Kafka")
    with open_kafka(settings, folder_of_local) as kafka:
        scores = TopicNames(origins[0].prefix).scores
        try:
            count = topics.partition_count(clients.admin(kafka.properties), scores)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not tell about {scores}: {error.args[0]}") from error
        if count != len(origins[0].spans or {}):
            raise BrokerError(f"{scores} has {count} partitions there, and the replay {len(origins[0].spans or {})}")
        yield kafka
