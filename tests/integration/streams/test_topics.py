"""Making the topics, and refusing a set-up that would break a promise."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs forget the exports
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from deploy.brokers.ladder import KafkaAddress
from deploy.brokers.waiting import wait_until
from streams import clients, topics
from streams.topics import TopicNames, TopicSetupError, TopicSpec

PARTITIONS = 2
pytestmark = pytest.mark.kafka


@dataclass
class Made:
    """A topic set that was just made."""

    admin: AdminClient
    names: TopicNames
    specs: list[TopicSpec]
    created: list[str]

    def set(self, topic: str, key: str, value: str) -> None:
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result()

    def problems(self) -> list[str]:
        """Wait until there are problems: the brokers learn of a change some time after it was made."""
        assert wait_until(lambda: bool(self._found()), timeout_s=30)
        return self._found()

    def mended(self) -> bool:
        return wait_until(lambda: not self._found(), timeout_s=30)

    def _found(self) -> list[str]:
        try:
            topics.verify(self.admin, self.specs)
        except TopicSetupError as error:
            return error.problems
        return []


@pytest.fixture
def made(kafka: KafkaAddress) -> Made:
    names = TopicNames(f"topics-{uuid4().hex[:8]}.")
    admin = clients.admin(kafka.properties)
    specs = topics.topic_set(names, PARTITIONS)
    return Made(admin, names, specs, topics.create(admin, specs))


def test_making_them_twice_changes_nothing(made: Made) -> None:
    assert sorted(made.created) == sorted(spec.name for spec in made.specs)
    assert topics.create(made.admin, made.specs) == []
    topics.verify(made.admin, made.specs)


def test_only_what_is_missing_is_made(made: Made) -> None:
    made.admin.delete_topics([made.names.latest])[made.names.latest].result()
    (problem,) = made.problems()
    assert made.names.latest in problem
    assert made.names.scores not in problem
    assert topics.create(made.admin, made.specs) == [made.names.latest]


def test_missing_topics_are_named(kafka: KafkaAddress) -> None:
    specs = topics.topic_set(TopicNames(f"none-{uuid4().hex[:8]}."), PARTITIONS)
    with pytest.raises(TopicSetupError) as caught:
        topics.verify(clients.admin(kafka.properties), specs)
    assert all(spec.name in str(caught.value) for spec in specs)
    assert "sluice topics create" in str(caught.value)


@pytest.mark.parametrize(
    ("topic", "key", "wrong", "right"),
    [
        ("decisions", "cleanup.policy", "compact", "delete"),
        ("decisions", "cleanup.policy", "delete,compact", "delete"),
        ("decisions", "retention.bytes", "1000000", "-1"),
        ("decisions", "message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("items", "message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("scores", "cleanup.policy", "compact", "delete"),
        ("latest", "cleanup.policy", "delete", "compact"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_mending(made: Made, topic: str, key: str, wrong: str, right: str) -> None:
    name = made.names.prefix + topic
    made.set(name, key, wrong)
    (problem,) = made.problems()
    assert f"{name} has {key}={wrong}, not {right}" in problem
    assert f"--alter --topic {name} --add-config {key}={right}" in problem
    made.set(name, key, right)
    assert made.mended()


def test_decisions_must_outlive_the_scores(made: Made) -> None:
    made.set(made.names.decisions, "retention.ms", "3600000")
    (problem,) = made.problems()
    assert f"{made.names.decisions} keeps decisions for 3600000 ms" in problem
    mended = problem.rsplit("=", 1)[1]
    made.set(made.names.decisions, "retention.ms", mended)
    assert made.mended()
    made.set(made.names.scores, "retention.ms", "-1")
    assert "retention.ms=-1" in made.problems()[0]


def test_another_number_of_partitions_is_refused(made: Made) -> None:
    growth = made.admin.create_partitions([NewPartitions(made.names.scores, PARTITIONS + 1)])
    growth[made.names.scores].result()
    (problem,) = made.problems()
    assert f"{made.names.scores}: 3 partitions instead of 2" in problem
    assert "splits parents" in problem
    assert "SLUICE_PARTITIONS=3" in problem
