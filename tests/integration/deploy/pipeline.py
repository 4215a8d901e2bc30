"""A whole pipeline for tests: topics of its own, real worker and decider processes, real material."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from typer.testing import CliRunner, Result

from deploy.brokers.guard import Guarded
from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.cli import app
from deploy.demo.outcome import Outcome, read_outcome
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.decisions import Decision
from schemas.policy import Action
from streams import clients
from streams.history import Follower
from streams.publisher import Publisher
from streams.topics import TopicNames

PARTITIONS = 4


@dataclass
class Pipeline:
    """Processes and topics of one test."""

    kafka: KafkaAddress
    redis_url: str
    folder: Path
    settings: Settings
    stack: ExitStack
    running: dict[str, Guarded] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)  # what a test adds to that of its processes

    @property
    def names(self) -> TopicNames:
        return TopicNames(self.settings.topic_prefix)

    @property
    def variables(self) -> dict[str, str]:
        """What tells a command where the topics of this test are."""
        return {
            "SLUICE_KAFKA": self.kafka.bootstrap,
            "SLUICE_REDIS": self.redis_url,
            "SLUICE_TOPIC_PREFIX": self.settings.topic_prefix,
            "SLUICE_PARTITIONS": str(self.settings.partitions),
            "SLUICE_SCORE_GROUP": self.settings.score_group,
            "SLUICE_DECIDE_GROUP": self.settings.decide_group,
        }

    def run(self, *arguments: str, **environment: str) -> Result:
        """Run a `sluice` command in this process."""
        variables = {**os.environ, **self.variables, **self.environment, **environment}
        return CliRunner().invoke(app, list(arguments), env=variables)

    def start(self, name: str, *arguments: str, module: str = "deploy") -> Guarded:
        """Start, or start again, a `sluice` process, or one of a test's own module."""
        environment = {
            **os.environ,
            **self.variables,
            "SLUICE_KAFKA__SESSION_TIMEOUT_MS": "6000",
            "SLUICE_INSTANCE": name,
            "SLUICE_CANARY_SECONDS": "0",  # each round costs seconds of a small machine; their own tests have them
            **self.environment,
        }
        command = [sys.executable, "-m", module, *arguments]
        log = self.folder / f"{name}-{uuid4().hex[:4]}.log"
        self.running[name] = self.stack.enter_context(Guarded(command, log=log, env=environment, grace_s=20))
        return self.running[name]

    def publisher(self) -> Publisher:
        publisher = Publisher(self.kafka.properties, self.names.items)
        self.stack.callback(publisher.close)
        return publisher

    def follow(self, *topics: str) -> Follower:
        follower = Follower(self.kafka.properties, list(topics), self.settings.partitions)
        self.stack.callback(follower.close)
        return follower

    def decided(self, parents: int) -> dict[str, Decision]:
        """Wait until so many parents are decided, and return the decision of each, from the topics of the actions."""
        follower = self.follow(*(self.names.action(action) for action in Action))
        found: dict[str, Decision] = {}
        while len(found) < parents:
            records = [Decision.model_validate_json(message.value() or b"") for message in follower.poll(1.0)]
            found |= {record.parent_id: record for record in records}
        return found

    def outcome(self, parents: Mapping[str, int]) -> Outcome:
        return read_outcome(self.kafka.properties, self.names, self.settings.partitions, parents)


@contextmanager
def pipeline(kafka: KafkaAddress, redis: RedisAddress, folder: Path) -> Iterator[Pipeline]:
    name = f"test-{uuid4().hex[:8]}"
    settings = Settings.load(
        topic_prefix=f"{name}.", partitions=PARTITIONS, score_group=f"{name}-score", decide_group=f"{name}-decide"
    )
    TopicSet(clients.admin(kafka.properties), settings).create()
    with ExitStack() as stack:
        yield Pipeline(kafka, redis.url, folder, settings, stack)
