"""`sluice monitor` on a real Kafka: what it reads, what it tells, and that it may be killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from deploy.brokers.guard import Guarded
from deploy.brokers.ladder import KafkaAddress
from deploy.brokers.waiting import wait_until
from deploy.monitor.once import once
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.alarms import Alarm
from schemas.base import Record
from schemas.decisions import Decision
from schemas.policy import Action
from streams import clients, viewing
from streams.history import read_whole
from streams.topics import TopicNames
from streams.viewing import Following, Place
from tests.asking import ask
from tests.unit.deploy.monitored import decision, retraction

PARTITIONS = 2
WINDOW_S = 6.0
PATIENCE_S = 90.0


@dataclass
class Gate:
    """Stands in for the deciders: writes as they do."""

    kafka: KafkaAddress
    settings: Settings
    producer: Producer
    number: int = 0

    @property
    def names(self) -> TopicNames:
        return TopicNames(self.settings.topic_prefix)

    def write(self, *records: tuple[str, Record], commit: bool = True) -> None:
        """Write records, each with its action's topic, in one transaction."""
        self.producer.begin_transaction()
        for action, record in records:
            self.producer.produce(self.names.action(action), key=str(self.number), value=record.to_json())
        self.producer.flush()
        if commit:
            self.producer.commit_transaction(30)
        else:
            self.producer.abort_transaction(30)

    def decide(self, count: int, source: str, action: str = "accept", *, commit: bool = True) -> list[Decision]:
        made = [self._one(source, action) for _ in range(count)]
        self.write(*((one.action.value, one) for one in made), commit=commit)
        return made

    def _one(self, source: str, action: str) -> Decision:
        self.number += 1
        score = {"accept": 0.9, "review": 0.3, "reject": 0.1}[action] + self.number % 7 / 100
        now = time.time_ns() // 1_000_000
        return decision(f"{source}/{self.number}", at=now, source=source, action=action, score=score, revisable=True)

    def alarms(self) -> list[Alarm]:
        whole = read_whole(self.kafka.properties, self.names.alarms, 1)
        return [Alarm.model_validate_json(message.value() or b"") for message in whole]


@dataclass
class Running:
    """A monitor's process."""

    process: Guarded
    log: Path

    def ask(self, page: str) -> tuple[int, str]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]
        ports = [line["port"] for line in lines if line["message"] == "listening"]
        return ask(ports[0], page) if ports else (0, "")

    def ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def tables(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("/monitor.json")[1])["tables"]
        return found

    def group(self, source: str) -> dict[str, Any] | None:
        groups = (self.tables() or {"groups": []})["groups"]
        return next((one for one in groups if one["source"] == source), None)


def _start(gate: Gate, folder: Path, stack: ExitStack) -> Running:
    settings = gate.settings
    environment = {
        **os.environ,
        "SLUICE_KAFKA": gate.kafka.bootstrap,
        "SLUICE_TOPIC_PREFIX": settings.topic_prefix,
        "SLUICE_PARTITIONS": str(PARTITIONS),
        "SLUICE_MONITOR_WINDOW_SECONDS": str(WINDOW_S),
        "SLUICE_MONITOR_WINDOWS": str(settings.monitor_windows),
        "SLUICE_LOG": "json",
    }
    log = folder / f"monitor-{uuid4().hex[:4]}.log"
    command = [sys.executable, "-m", "deploy", "monitor"]
    running = Running(stack.enter_context(Guarded(command, log=log, env=environment, grace_s=20)), log)
    assert _wait(running.ready), log.read_text()
    return running


@pytest.fixture
def gate(kafka: KafkaAddress) -> Iterator[Gate]:
    prefix = f"view-{uuid4().hex[:8]}."
    settings = Settings.load(
        kafka=kafka.bootstrap,
        topic_prefix=prefix,
        partitions=PARTITIONS,
        monitor_window_seconds=WINDOW_S,
        monitor_windows=100,
    )
    TopicSet(clients.admin(kafka.properties), settings).create()
    with closing(clients.producer(kafka.properties, transactional_id=prefix + "gate")) as producer:
        producer.init_transactions(30)
        yield Gate(kafka, settings, producer)


@pytest.mark.kafka
def test_a_source_that_turns_bad_is_on_the_page_and_on_the_topic_and_a_killed_monitor_shows_the_same(
    gate: Gate, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        monitor = _start(gate, tmp_path, stack)
        _committed_alone_counts(gate, monitor)
        _a_bad_source_is_told_of(gate, monitor)
        assert "Sluice monitor" in monitor.ask("/")[1]
        assert 'sluice_monitor_decisions_total{action="reject"' in monitor.ask("/metrics")[1]
        assert _listening(monitor.process.pid) == {"0100007F"}
        told, shown = gate.alarms(), monitor.tables()
        os.kill(monitor.process.pid, signal.SIGKILL)
        monitor.process.wait(10)
        again = _start(gate, tmp_path, stack)
        assert _wait(lambda: again.tables() == shown), (again.tables(), shown)
        assert json.loads(json.dumps(once(gate.settings, lambda: False))) == shown
        gate.decide(1, "lab")
        assert _wait(lambda: (again.group("lab") or {})["view"]["decisions"] == 26)
        assert gate.alarms() == told
        os.kill(again.process.pid, signal.SIGTERM)
        assert again.process.wait(20) == 0, again.log.read_text()


def _committed_alone_counts(gate: Gate, monitor: Running) -> None:
    """Aborted decisions are not there, a revision replaces its decision, and a retraction takes it from its topic."""
    first, *_ = gate.decide(25, "camera")
    gate.decide(25, "lab")
    gate.decide(40, "camera", "reject", commit=False)
    gate.decide(10, "ghost", commit=False)
    revised = first.model_copy(update={"revision": 1, "action": Action.REVIEW, "id": "revised", "score": 0.3})
    gate.write(("accept", retraction(first, "review")), ("review", revised))
    assert _wait(lambda: (monitor.group("camera") or {"view": {"review": 0}})["view"]["review"] == 1)
    camera = monitor.group("camera")
    assert camera is not None
    assert [camera["view"][name] for name in ("decisions", "accept", "reject", "revisions")] == [25, 24, 0, 1]
    assert camera["view"]["score"]["n"] == 25
    assert monitor.group("ghost") is None
    assert gate.alarms() == []


def _a_bad_source_is_told_of(gate: Gate, monitor: Running) -> None:
    bad: list[Decision] = []

    def told() -> bool:
        bad.extend(gate.decide(20, "camera", "reject"))
        return any(one["active"] for one in monitor.tables()["alarms"])

    assert _wait(told)
    (alarm,) = gate.alarms()
    assert (alarm.state, alarm.why, alarm.source) == ("raised", "below", "camera")
    turned = bad[0].timings.decided_at
    assert turned < alarm.window_end <= turned + WINDOW_S * 1000
    shown = monitor.group("camera")
    assert shown is not None
    assert shown["state"] == "alarm"
    assert (monitor.group("lab") or {})["state"] != "alarm"
    assert monitor.tables()["rejects"][0]["source"] == "camera"
    assert _wait(lambda: (monitor.group("camera") or {})["view"]["reject"] == len(bad))


@pytest.mark.kafka
def test_the_client_under_faust_gives_no_aborted_record_though_faust_s_own_default_does(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        gate.decide(3, "a", "accept", commit=number % 2 == 0)
    assert _followed(gate, 9) == {1, 2, 3, 7, 8, 9, 13, 14, 15}
    made = AIOKafkaConsumerThread._create_worker_consumer
    monkeypatch.setattr(viewing._Thread, "_create_worker_consumer", made)
    assert _followed(gate, 18) == set(range(1, 19)), "if this fails, faust has become read_committed by itself"


def _followed(gate: Gate, count: int) -> set[int]:
    """Return the numbers of the decisions that a loop of faust's reads, until it has so many and all is read."""
    found: list[int] = []

    def take(place: Place, value: bytes | None, at: int) -> None:
        assert place[0] == gate.names.action("accept")
        assert at > 0
        found.append(int(Decision.model_validate_json(value or b"").parent_id.partition("/")[2]))

    places = {(gate.names.action("accept"), number): 0 for number in range(PARTITIONS)}
    following = Following(gate.kafka.properties, places, take)
    deadline = time.monotonic() + PATIENCE_S

    def done() -> bool:
        assert time.monotonic() < deadline
        lag = following.lag
        return len(found) >= count and len(lag) == PARTITIONS and not any(lag.values())

    following.run(lambda: None, done)
    assert len(found) == len(set(found))
    return set(found)


def _listening(pid: int) -> set[str]:
    """Return the local addresses, as in /proc/net/tcp, that a process listens on."""
    links = (str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir())
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        if (table := Path(f"/proc/{pid}/net/{name}")).exists()
        for line in table.read_text().splitlines()[1:]
    ]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def _wait(condition: Callable[[], bool]) -> bool:
    return wait_until(condition, timeout_s=PATIENCE_S)
