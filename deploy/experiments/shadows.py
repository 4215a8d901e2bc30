"""Shadows as people keep them: making, listing and deleting the topics of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.errors import ConfigurationError
from deploy.experiments.errors import ExperimentError
from deploy.settings import Settings
from schemas.checkpoint import FORMAT, Metadata, encode
from schemas.policy import Action
from streams import clients, groupoffsets, offsets, topics
from streams.shadows import LiveTopicError, ShadowNames, outputs, shadow_names, shadow_set, shadows_among
from streams.topics import TopicNames

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_TIMEOUT: Final = 20.0
_ACTIONS: Final = [action.value for action in Action]


def checked_name(name: str) -> str:
    """Return the name of a shadow or an experiment, where it is one.

    Raises:
        ConfigurationError: it is not.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name: 1 to 60 letters, digits, dashes and underscores are right")
    return name


@contextmanager
def _as_told() -> Iterator[None]:
    """Turn what is wrong with topics, in the block, into words for people."""
    try:
        yield
    except (LiveTopicError, topics.TopicSetupError) as error:
        raise ExperimentError(str(error)) from error


def shadow_group(settings: Settings, name: str) -> str:
    """Return the consumer group of a shadow's deciders."""
    return f"{settings.decide_group}-shadow-{name}"


@dataclass(frozen=True, slots=True)
class Shadow:
    """A shadow that is there.

    Attributes:
        name: of it.
        head: whether a candidate head is tried; else only a policy, on the live scores.
        deciders: how many replicas decide in it now.
        behind: answers that they have not read yet.
    """

    name: str
    head: bool
    deciders: int
    behind: int


class ShadowDesk:
    """Makes, lists and deletes shadows of one topic set."""

    def __init__(self, properties: clients.Properties, settings: Settings) -> None:
        """Ask nothing yet; the live topics should have been checked."""
        self._properties = properties
        self._settings = settings
        self._admin: AdminClient = clients.admin(properties)
        self._live = TopicNames(settings.topic_prefix)

    def create(
        self, name: str, *, policy_only: bool, retention_days: int, replication: int = -1
    ) -> tuple[ShadowNames, list[str]]:
        """Make what is missing of a shadow.

        One that tries a policy alone begins at the live scores as they come from now on.

        Args:
            name: of it.
            policy_only: it reads the live scores, and no candidate head answers in it.
            retention_days: for how long its records are kept.
            replication: factor; -1 takes the brokers' default.

        Returns:
            Its topics, and the names of those that are new.

        Raises:
            ExperimentError: a topic that was there is not as it must be, or belongs to something else.
            KafkaException: the brokers refused or did not answer.
        """
        there = self._topics()
        names = shadow_names(self._live, checked_name(name), scored_live=policy_only)
        own = shadow_names(self._live, name).scores
        if policy_only and own in there:
            raise ExperimentError(f"the shadow {name} tries a head: {own} is there. Take another name, or delete it")
        begun = names.decisions in there
        if begun and not policy_only and own not in there:
            raise ExperimentError(f"the shadow {name} tries a policy alone. Take another name, or delete it")
        with _as_told():
            specs = shadow_set(names, self._settings.partitions, retention_days=retention_days, actions=_ACTIONS)
            self._refuse_other_set(name, there)
            if policy_only and not begun:
                self._begin_now(name, names)
            return names, topics.create(self._admin, specs, replication=replication)

    def open(self, name: str) -> ShadowNames:
        """Return the topics of a shadow that is there and as it must be.

        Raises:
            ExperimentError: it is not.
            KafkaException: the brokers refused or did not answer.
        """
        there = self._topics()
        head = shadow_names(self._live, checked_name(name)).scores in there
        names = shadow_names(self._live, name, scored_live=not head)
        if names.decisions not in there:
            known = ", ".join(shadows_among(self._live, there)) or "none"
            raise ExperimentError(
                f"there is no shadow {name}; there is {known}. Make it: sluice shadow create {name}"
                " (with --policy-only where no head is tried)"
            )
        with _as_told():
            self._refuse_other_set(name, there)
            topics.verify(self._admin, shadow_set(names, self._settings.partitions, retention_days=1, actions=_ACTIONS))
        return names

    def all(self) -> list[Shadow]:
        """Return all shadows, by name.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        there = self._topics()
        return [self._shadow(name, there) for name in shadows_among(self._live, there)]

    def delete(self, name: str) -> list[str]:
        """Delete the topics of a shadow, and what its deciders have committed.

        Returns:
            The names of the topics that are gone.

        Raises:
            ExperimentError: there is none, or deciders work in it.
            KafkaException: the brokers refused or did not answer.
        """
        there = self._topics()
        names = shadow_names(self._live, checked_name(name))
        with _as_told():
            self._refuse_other_set(name, there)
        gone = [topic for topic in (names.scores, *outputs(names, _ACTIONS)) if topic in there]
        if not gone:
            raise ExperimentError(f"there is no shadow {name}: sluice shadow list")
        group = shadow_group(self._settings, name)
        if self._members(group):
            raise ExperimentError(
                f"deciders work in the shadow {name}: stop them first (sluice decide --shadow {name})"
            )
        for future in self._admin.delete_topics(gone, request_timeout=_TIMEOUT).values():
            future.result()
        self._forget(group)
        return gone

    def _topics(self) -> set[str]:
        return set(self._admin.list_topics(timeout=_TIMEOUT).topics)

    def _refuse_other_set(self, name: str, there: set[str]) -> None:
        """Refuse a shadow whose topics would be those of another live topic set, with a prefix like a shadow's."""
        prefix = shadow_names(self._live, name).prefix
        if TopicNames(prefix).items in there:
            raise LiveTopicError(f"{prefix}items is there, so that this is a live topic set and no shadow")

    def _begin_now(self, name: str, names: ShadowNames) -> None:
        """Commit for the deciders of a new shadow that they begin at the end of the live scores."""
        ends = offsets.ends(self._admin, names.scores, range(self._settings.partitions))
        places = [
            TopicPartition(
                names.scores, number, end, metadata=encode(Metadata(FORMAT, self._settings.partitions, end, 0, 0))
            )
            for number, end in ends.items()
        ]
        consumer = clients.consumer(self._properties, shadow_group(self._settings, name))
        try:
            consumer.commit(offsets=places, asynchronous=False)
        finally:
            consumer.close()

    def _shadow(self, name: str, there: set[str]) -> Shadow:
        head = shadow_names(self._live, name).scores in there
        scores = shadow_names(self._live, name, scored_live=not head).scores
        group, numbers = shadow_group(self._settings, name), range(self._settings.partitions)
        done = groupoffsets.committed(self._properties, group, scores, numbers)
        ends = offsets.ends(self._admin, scores, numbers)
        behind = sum(max(0, end - done.get(number, 0)) for number, end in ends.items())
        return Shadow(name, head, self._members(group), behind)

    def _members(self, group: str) -> int:
        described = self._admin.describe_consumer_groups([group], request_timeout=_TIMEOUT)
        try:
            return len(described[group].result().members)
        except KafkaException:  # it has never been there
            return 0

    def _forget(self, group: str) -> None:
        for future in self._admin.delete_consumer_groups([group], request_timeout=_TIMEOUT).values():
            try:
                future.result()
            except KafkaException:  # no decider has ever joined it
                continue
