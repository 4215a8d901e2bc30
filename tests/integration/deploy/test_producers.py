"""Items of other people's producers are decided as ours are: a Java producer's, and those in structured mode."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, murmur2

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.policyfiles import DEMO
from schemas.decisions import Decision
from schemas.items import ITEM_TYPE, PARENT_ENDED_TYPE, ItemEnvelope, RawItem
from schemas.scores import SCORE_RECORD, ItemScored
from streams.history import read_whole
from tests.integration.deploy.javatools import console_produce
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline
from workers.training.texts import articles

pytestmark = pytest.mark.kafka

JAVA = [f"java-{number}" for number in range(4)]  # on more than one partition
STRUCTURED = ["structured-text", "structured-base64"]
CHUNKS = 3


def _chunks() -> list[str]:
    words = " ".join(article.text for article in articles("held-out")).split()
    return [" ".join(words[start : start + 60]) for start in range(0, 60 * CHUNKS, 60)]


def _attributes(parent: str, index: int) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_type": ITEM_TYPE,
        "ce_id": f"{parent}/{index}",
        "ce_source": "others",
        "ce_kind": "document-chunk",
        "ce_parentid": parent,
        "ce_index": str(index),
        "content-type": "text/plain",
    }


def _ours(gate: Pipeline, chunks: Sequence[str]) -> None:
    publisher = gate.publisher()
    for index, text in enumerate(chunks):
        envelope = ItemEnvelope(
            id=f"ours/{index}",
            source="others",
            kind="document-chunk",
            parent_id="ours",
            index=index,
            content_type="text/plain",
        )
        publisher.item(RawItem(envelope, text.encode()))
    publisher.end("ours", "document-chunk", "others", len(chunks))
    publisher.flush()


def _java(gate: Pipeline, chunks: Sequence[str]) -> None:
    """Send with Kafka's console producer and nothing set: headers, the key, and for the end no value."""
    ended = {"ce_type": PARENT_ENDED_TYPE, "ce_id": "end", "ce_source": "others", "ce_kind": "document-chunk"}
    console_produce(
        gate.kafka.bootstrap,
        gate.names.items,
        [
            record
            for parent in JAVA
            for record in [
                *((_attributes(parent, index), parent, text) for index, text in enumerate(chunks)),
                ({**ended, "ce_parentid": parent, "ce_count": str(len(chunks))}, parent, None),
            ]
        ],
    )


def _structured(gate: Pipeline, chunks: Sequence[str]) -> None:
    """Send whole events as JSON: text as it is or as base64, numbers as numbers, the end with its count."""
    producer = Producer({"bootstrap.servers": gate.kafka.bootstrap, "partitioner": "murmur2_random"})
    for parent in STRUCTURED:
        for index, text in enumerate(chunks):
            data = {"data": text}
            if parent.endswith("base64"):
                data = {"data_base64": base64.b64encode(text.encode()).decode()}
            _send(gate, producer, parent, {"index": index, "datacontenttype": "Text/Plain; charset=utf-8", **data})
        _send(gate, producer, parent, {"type": PARENT_ENDED_TYPE, "count": len(chunks)})
    producer.flush()
    producer.close()


def _send(gate: Pipeline, producer: Producer, parent: str, more: Mapping[str, Any]) -> None:
    common = {"specversion": "1.0", "type": ITEM_TYPE, "id": "i", "source": "others", "kind": "document-chunk"}
    producer.produce(
        gate.names.items,
        key=parent,
        value=json.dumps({**common, "parentid": parent, **more}),
        headers={"content-type": "application/cloudevents+json; charset=UTF-8"},
    )


def _decided(gate: Pipeline, parents: Sequence[str]) -> dict[str, Decision]:
    follower = gate.follow(gate.names.decisions)
    found: dict[str, Decision] = {}
    while not found.keys() >= set(parents):
        assert all(process.wait(0) is None for process in gate.running.values()), "a process has ended"
        decisions = [Decision.model_validate_json(message.value() or b"") for message in follower.poll(1.0)]
        found |= {decision.parent_id: decision for decision in decisions}
    return found


@pytest.fixture(scope="module")
def gate(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    with pipeline(kafka, redis_address, tmp_path_factory.mktemp("producers")) as running:
        _ours(running, _chunks())
        running.start("score", "score", "--device", "cpu")
        running.start("decide", "decide", "--policy", str(DEMO))
        yield running


@pytest.mark.parametrize(("send", "parents"), [(_java, JAVA), (_structured, STRUCTURED)], ids=["java", "structured"])
def test_others_items_are_decided_as_ours_are(
    gate: Pipeline, send: Callable[[Pipeline, Sequence[str]], None], parents: list[str]
) -> None:
    if send is _java and any("." in name and name != "bootstrap.servers" for name in gate.kafka.properties):
        pytest.skip("the console producer is not given the properties of SLUICE_KAFKA__...")
    send(gate, _chunks())
    decisions = _decided(gate, ["ours", *parents])
    scores = _scores(gate)
    ours = decisions["ours"]
    for parent in parents:
        theirs = decisions[parent]
        assert (theirs.action, theirs.label, theirs.counts) == (ours.action, ours.label, ours.counts)
        assert theirs.score == pytest.approx(ours.score, abs=1e-4)
        assert scores[parent] == pytest.approx(scores["ours"], abs=1e-4)
    assert "misplaced" not in _log(gate.folder)


def _scores(gate: Pipeline) -> dict[str, list[float]]:
    """Return the scores of each parent in order of index, all on the partition of its key."""
    found: dict[str, list[tuple[int, float]]] = {}
    for message in read_whole(gate.kafka.properties, gate.names.scores, PARTITIONS):
        record = SCORE_RECORD.validate_json(message.value() or b"")
        if isinstance(record, ItemScored):
            assert message.partition() == record.item_partition == murmur2(record.parent_id.encode(), PARTITIONS)
            found.setdefault(record.parent_id, []).append((record.index, record.score))
    return {parent: [score for _, score in sorted(answers)] for parent, answers in found.items()}


def _log(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.glob("score-*.log"))
