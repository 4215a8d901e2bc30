"""The live topics, opened where they are needed: what files hold needs no Kafka."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Self

from deploy.brokers.ladder import open_kafka
from deploy.labels.intake import log_of
from deploy.policy.book import Book
from deploy.policy.publication import PolicyDesk
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.labels import LabelGiven
from streams import clients
from streams.topics import TopicNames


class Live:
    """The topics that the settings name, for as long as a `with` lasts."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        self.settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def properties(self) -> clients.Properties:
        """The brokers' properties; the first asking opens them and checks the topics.

        Raises:
            TopicsError: the topics are missing or not as they must be.
            BrokerError: Kafka cannot be used.
        """
        kafka = self._stack.enter_context(open_kafka(self.settings, self.settings.data_dir / "kafka"))
        TopicSet(clients.admin(kafka.properties), self.settings).verify()
        return kafka.properties

    def book(self) -> Book:
        """Return the policies that were published.

        Raises:
            BrokerError: they could not be read.
        """
        return PolicyDesk(self.properties, TopicNames(self.settings.topic_prefix), self.settings.partitions).book()

    def labels(self) -> list[LabelGiven]:
        """Return all labels on the topic.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        return log_of(self.properties, self.settings).read()
