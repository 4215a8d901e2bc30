"""The topic set that the settings name, with the clients to make and check it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.brokers.ladder import open_kafka
from deploy.errors import SluiceError
from deploy.settings import Settings
from schemas.policy import Action
from streams import clients, topics
from streams.topics import TopicNames


class TopicsError(SluiceError):
    """The topics are missing or wrong."""

    exit_code = 5


class TopicSet:
    """Makes and checks the topics of one prefix."""

    def __init__(self, admin: AdminClient, settings: Settings, retention_days: int = 7) -> None:
        """Name the topics; nothing is asked of the brokers yet."""
        self._admin = admin
        self._specs = topics.topic_set(
            TopicNames(settings.topic_prefix),
            settings.partitions,
            retention_days=retention_days,
            actions=[action.value for action in Action],
        )

    @classmethod
    @contextmanager
    def of(cls, settings: Settings, retention_days: int = 7) -> Iterator[TopicSet]:
        """Open the brokers that the settings name, for a command that ends."""
        with open_kafka(settings, settings.data_dir / "kafka") as kafka:
            yield cls(clients.admin(kafka.properties), settings, retention_days)

    def names(self) -> list[str]:
        """Return the names of all topics."""
        return [spec.name for spec in self._specs]

    def create(self, replication: int = -1) -> list[str]:
        """Create what is missing and check everything; return the names of the new ones.

        Raises:
            TopicsError: a topic that was there is not as it must be, or the brokers refused.
        """
        try:
            return topics.create(self._admin, self._specs, replication=replication)
        except topics.TopicSetupError as error:
            raise TopicsError(str(error)) from error
        except KafkaException as error:
            raise TopicsError(f"the brokers refused to create the topics: {error.args[0]}") from error

    def verify(self) -> None:
        """Check everything.

        Raises:
            TopicsError: a topic is missing or not as it must be, or the brokers did not answer.
        """
        try:
            topics.verify(self._admin, self._specs)
        except topics.TopicSetupError as error:
            raise TopicsError(str(error)) from error
        except KafkaException as error:
            raise TopicsError(f"the brokers did not tell about the topics: {error.args[0]}") from error
