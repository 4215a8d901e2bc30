"""SIGTERM while items flow: workers and deciders finish what they began, and nobody does it again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy import scorer
from deploy.brokers.guard import Guarded
from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.policyfiles import DEMO
from schemas.items import ItemEnvelope, RawItem, content_hash
from streams.history import read_whole
from streams.publisher import Publisher
from tests.asking import ask
from tests.integration.deploy.pipeline import Pipeline, pipeline
from workers.sources.encode import jpeg

ITEMS = 10  # of each parent
PICTURES = 25  # different ones: the others are found in the cache, so that items are cheap
MUCH = 160  # items that are not in the cache: seconds of work, also on a fast machine
GRACE_S = 25.0
PATIENCE_S = 60.0


class _Answer(msgspec.Struct):
    parent_id: str
    index: int | None = None


def _parents(different: int = PICTURES) -> Iterator[tuple[str, list[RawItem]]]:
    noise = np.random.default_rng(uuid4().int).integers(0, 256, (different, 8, 8, 3), dtype=np.uint8)
    pictures = cycle([jpeg(np.ascontiguousarray(one.repeat(8, 0).repeat(8, 1))) for one in noise])
    number = 0
    while True:
        name = f"clip-{number}"
        yield name, [_item(name, index, next(pictures)) for index in range(ITEMS)]
        number += 1


def _item(parent: str, index: int, value: bytes) -> RawItem:
    envelope = ItemEnvelope(
        id=f"{parent}/{index}",
        source="test",
        kind="video-frame",
        parent_id=parent,
        index=index,
        count=ITEMS,
        content_type="image/jpeg",
        content_hash=content_hash(value),
    )
    return RawItem(envelope, value)


@dataclass
class _Flow:
    """Items that come for as long as the test wants them."""

    publisher: Publisher
    parents: Iterator[tuple[str, list[RawItem]]]
    published: int = 0

    def go_on(self, parents: int) -> None:
        for _ in range(parents):
            _, items = next(self.parents)
            for item in items:
                self.publisher.item(item)
            self.published += 1
        self.publisher.flush()

    def names(self) -> list[str]:
        return [f"clip-{number}" for number in range(self.published)]


@dataclass
class _Running:
    """A process, and what it says of itself."""

    process: Guarded
    log: Path

    @classmethod
    def start(cls, gate: Pipeline, name: str, heads: Path, max_items: int = 48) -> _Running:
        work = (
            ("score", "--device", "cpu", "--heads", str(heads), "--max-items", str(max_items))
            if name.startswith("score")
            else None
        )
        before = set(gate.folder.glob("*.log"))
        process = gate.start(name, *(work or ("decide", "--policy", str(DEMO))))
        (log,) = set(gate.folder.glob("*.log")) - before
        return cls(process, log)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def told(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["message"] == event]

    def ask(self, page: str) -> tuple[int, str]:
        ports = [line["port"] for line in self.told("listening")]
        if not ports:
            return 0, ""
        return ask(ports[0], page)

    def ready(self) -> bool:
        status, answer = self.ask("/readyz")
        return status == 200 and json.loads(answer)["owned"] > 0

    def metrics(self) -> dict[str, float]:
        """Return each metric's sum over its labels."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self.ask("/metrics")[1]):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    def left_in_time(self) -> dict[str, Any]:
        """Wait for its end after SIGTERM; return its last word on what it had taken."""
        assert self.process.wait(GRACE_S) == 0, self.log.read_text()
        (drained,) = self.told("drained")
        assert drained["unfinished"] == 0
        (draining,) = self.told("draining")
        return draining


def _wait_while_flowing(flow: _Flow, processes: list[_Running]) -> None:
    pace = threading.Event()
    deadline = time.monotonic() + PATIENCE_S
    while not all(one.ready() for one in processes):
        assert time.monotonic() < deadline
        flow.go_on(1)
        pace.wait(0.1)


def _answers(gate: Pipeline) -> Counter[tuple[str, int]]:
    whole = read_whole(gate.kafka.properties, gate.names.scores, gate.settings.partitions)
    answers = [msgspec.json.decode(message.value() or b"", type=_Answer) for message in whole]
    return Counter((answer.parent_id, answer.index) for answer in answers if answer.index is not None)


def _one_head(folder: Path) -> Path:
    shutil.copytree(scorer.HEADS / "video-frame", folder / "heads" / "video-frame")
    return folder / "heads"


def _terminate_in_turns(gate: Pipeline, flow: _Flow, heads: Path) -> list[int]:
    """End and start processes again while items flow; return how many items each worker had in flight when told."""
    running = {name: _Running.start(gate, name, heads) for name in ("score-0", "score-1", "decide-0", "decide-1")}
    taken = []
    for number in (0, 1):
        _wait_while_flowing(flow, list(running.values()))
        flow.go_on(40)
        victims = [running[f"score-{number}"], running[f"decide-{number}"]]
        for victim in victims:
            os.kill(victim.process.pid, signal.SIGTERM)
        flow.go_on(10)
        taken.append(victims[0].left_in_time()["items"])
        victims[1].left_in_time()
        running |= {name: _Running.start(gate, name, heads) for name in (f"score-{number}", f"decide-{number}")}
    _wait_while_flowing(flow, list(running.values()))
    _check_metrics(running)
    return taken


def _check_metrics(running: dict[str, _Running]) -> None:
    worker, decider = running["score-1"].metrics(), running["decide-1"].metrics()
    assert worker["sluice_items_answered_total"] > 0
    assert worker["sluice_cache_lookups_total"] > 0
    assert worker["sluice_ready"] == decider["sluice_ready"] == 1
    assert decider["sluice_decisions_total"] > 0
    assert decider["sluice_transactions_total"] >= decider["sluice_transaction_seconds_count"] > 0


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_HTTP_PORT", "0")
    monkeypatch.setenv("SLUICE_GRACE_SECONDS", str(GRACE_S))
    monkeypatch.setenv("SLUICE_LOG", "json")


@pytest.mark.kafka
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("settings")
def test_processes_that_are_told_to_stop_leave_nothing_out_and_nothing_twice(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    with pipeline(kafka, redis_address, tmp_path) as gate:
        flow = _Flow(gate.publisher(), _parents())
        taken = _terminate_in_turns(gate, flow, _one_head(tmp_path))
        follower = gate.follow(gate.names.decisions)
        waiting = set(flow.names())
        while waiting:
            waiting -= {msgspec.json.decode(m.value() or b"", type=_Answer).parent_id for m in follower.poll(1.0)}
        outcome, answers = gate.outcome(dict.fromkeys(flow.names(), ITEMS)), _answers(gate)
    assert max(taken) > 0  # else it was no load
    assert outcome.sound
    assert answers == Counter((name, index) for name in flow.names() for index in range(ITEMS))
    assert {(one.counts.scored, one.counts.missing, one.counts.duplicate) for one in outcome.decisions} == {
        (ITEMS, 0, 0)
    }


@pytest.mark.kafka
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("settings")
def test_a_worker_with_much_to_do_gives_back_what_it_has_not_begun(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    with pipeline(kafka, redis_address, tmp_path) as gate:
        flow, heads = _Flow(gate.publisher(), _parents(MUCH)), _one_head(tmp_path)
        flow.go_on(MUCH // ITEMS)
        follower = gate.follow(gate.names.scores)
        worker = _Running.start(gate, "score-0", heads, max_items=256)
        answered = 0
        while not answered:
            answered += len(follower.poll(1.0))
        os.kill(worker.process.pid, signal.SIGTERM)
        assert worker.left_in_time()["items"] > 0
        (drained,) = worker.told("drained")
        _Running.start(gate, "score-1", heads)
        while answered < MUCH:
            answered += len(follower.poll(1.0))
        answers = _answers(gate)
    assert drained["withdrawn"] > 0
    assert answers == Counter((name, index) for name in flow.names() for index in range(ITEMS))
