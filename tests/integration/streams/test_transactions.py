"""What one transaction of the exactly-once loop carries, on a real Kafka."""

from __future__ import annotations

import threading
from collections import Counter
from uuid import uuid4

import pytest

from aggregation import PartitionGate
from deploy.brokers.ladder import KafkaAddress
from schemas.decisions import Decision
from schemas.policy import Policy, Rule
from schemas.scores import ItemScored
from streams import clients, exactlyonce, topics
from streams.exactlyonce import DecideLoop
from streams.gates import DecideSettings
from streams.history import Follower, read_whole
from streams.topics import TopicNames

POLICY = Policy(name="test", rules=[Rule()])


def _score(parent: str, index: int, count: int) -> ItemScored:
    return ItemScored(
        parent_id=parent,
        kind="test",
        source="test",
        appended_at=1_000,
        item_id=f"{parent}/{index}",
        index=index,
        count=count,
        item_partition=0,
        item_offset=0,
        score=0.9,
        scorer="stub",
        embedding="none",
    )


def _send(kafka: KafkaAddress, names: TopicNames, scores: list[ItemScored]) -> None:
    producer = clients.producer(kafka.properties)
    for score in scores:
        producer.produce(names.scores, key=score.parent_id, value=score.to_json(), partition=0)
    producer.flush()
    producer.close()


@pytest.mark.kafka
def test_more_decisions_than_a_transaction_takes_all_arrive_behind_an_open_window(
    kafka: KafkaAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open window holds the low watermark, so the second transaction has decisions and no new offset."""
    monkeypatch.setattr(exactlyonce, "MAX_DECISIONS", 7)
    prefix = f"test-{uuid4().hex[:8]}."
    names = TopicNames(prefix)
    topics.create(clients.admin(kafka.properties), topics.topic_set(names, 1))
    _send(kafka, names, [_score("open", 0, 2), *(_score(f"parent-{number}", 0, 1) for number in range(30))])
    committed: list[int] = []
    stop = threading.Event()
    loop = DecideLoop(
        kafka.properties,
        DecideSettings(names, 1, prefix + "decide", prefix + "score", prefix + "id"),
        lambda partition, start_at: PartitionGate(partition, POLICY, start_at),
        lambda event, **fields: committed.append(fields["decisions"]) if event == "committed" else None,
    )
    thread = threading.Thread(target=loop.run, args=(stop.is_set,))
    thread.start()
    follower = Follower(kafka.properties, [names.action("accept")], 1)
    found = 0
    while found < 30:
        found += len(follower.poll(1.0))
    follower.close()
    stop.set()
    thread.join()
    decided = Counter(
        Decision.model_validate_json(message.value() or b"").parent_id
        for message in read_whole(kafka.properties, names.decisions, 1)
    )
    assert decided == Counter(f"parent-{number}" for number in range(30))
    assert max(committed) <= 7
    assert sum(committed) == 30
