"""A topic set of its own for policies, the commands of a person who works with it, and parents in flight."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from confluent_kafka import murmur2
from typer.testing import CliRunner

from deploy.brokers.ladder import KafkaAddress
from deploy.cli import app
from deploy.policy.publication import PolicyDesk
from streams import clients, offsets
from streams.topics import TopicNames
from tests.chaos.reading import Entry, read_whole
from tests.unit.aggregation.records import scored

PARTITIONS = 4
PATIENCE_S = 60.0


@dataclass
class Place:
    """A topic set of its own, and the commands of a person who works with it."""

    kafka: KafkaAddress
    names: TopicNames
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SLUICE_KAFKA": self.kafka.bootstrap,
            "SLUICE_KAFKA__SESSION_TIMEOUT_MS": "6000",
            "SLUICE_TOPIC_PREFIX": self.names.prefix,
            "SLUICE_PARTITIONS": str(PARTITIONS),
            "SLUICE_DECIDE_GROUP": f"{self.names.prefix}decide",
            "SLUICE_SCORE_GROUP": f"{self.names.prefix}score",
            "SLUICE_LOG": "json",
        }

    def run(self, *arguments: str) -> Any:
        """Run `sluice policy ... --json` and return what it printed."""
        command = ["policy", *arguments, "--json"]
        done = CliRunner().invoke(app, command, env=self.environment, catch_exceptions=False)
        assert done.exit_code == 0
        return json.loads(done.stdout)

    def shown(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, ["policy", *arguments], env=self.environment, catch_exceptions=False)
        return done.stdout

    def file(self, version: int | None = None, **rule: Any) -> str:
        """Write a policy file."""
        document = {"name": "night", "rules": [{"kind": "*", "source": "*", **rule}]}
        path = self.folder / f"{uuid4().hex[:6]}.yaml"
        path.write_text(yaml.safe_dump(document if version is None else {**document, "version": version}))
        return str(path)

    def desk(self) -> PolicyDesk:
        return PolicyDesk(self.kafka.properties, self.names, PARTITIONS)

    def whole(self, topic: str) -> list[Entry]:
        return read_whole(self.kafka.properties, topic, PARTITIONS)

    def decided(self, count: int) -> bool:
        """Tell whether there are so many decisions; the topic is read only where it is long enough."""
        topic = self.names.decisions
        ends = offsets.ends(clients.admin(self.kafka.properties), topic, range(PARTITIONS))
        return sum(ends.values()) >= count and len(self.whole(topic)) >= count

    def markers(self) -> Counter[tuple[int, str]]:
        """Count the markers by partition and version."""
        found = [(one.partition, marked_in(one.value)) for one in self.whole(self.names.scores)]
        return Counter((partition, name) for partition, name in found if name is not None)


def marked_in(value: bytes) -> str | None:
    """Return the version that a record of `scores` activates, where it is a marker."""
    record = json.loads(value)
    return f"{record['name']}@{record['version']}" if record["type"] == "PolicyActivated" else None


class Feed(threading.Thread):
    """Sends two scores of each parent, the second when many others have been begun: so many are in flight."""

    def __init__(self, place: Place, parents: int, in_flight: int) -> None:
        super().__init__(daemon=True)
        self._producer = clients.producer(place.kafka.properties)
        self._topic = place.names.scores
        self._parents = parents
        self._in_flight = in_flight
        self._sent = 0
        self._stopped = False
        self._changed = threading.Condition()

    def run(self) -> None:
        for number in range(self._parents + self._in_flight):
            if self._stopped:
                break
            if number < self._parents:
                self._send(number, 0)
            if number >= self._in_flight:
                self._send(number - self._in_flight, 1)
            if number % 100 == 0:
                self._pause(number)
        self._producer.flush(30)
        self._producer.close()

    def _send(self, number: int, index: int) -> None:
        parent = f"parent-{number}"
        value = scored(parent, index, (number * 37 + index * 61) % 101 / 100, 2, at=1_800_000_000_000 + number)
        self._producer.produce(self._topic, value, parent.encode(), murmur2(parent.encode(), PARTITIONS))

    def _pause(self, number: int) -> None:
        """Let what was sent arrive, at a pace at which all that is done to the deciders falls into the flow."""
        self._producer.flush(30)
        with self._changed:
            self._sent = number
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopped, 0.05 if number > self._in_flight else 0.0)

    def reaches(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._sent >= number, PATIENCE_S)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self.join(PATIENCE_S)
