"""`explain`, `watch` and the report, from the topics of a decider that runs as its users run it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer, murmur2

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.explain import NotVerifiedError, UnknownParentError, UnknownWindowError, UnverifiableError
from deploy.report import read_report, render
from schemas.items import ItemEnvelope, RawItem, content_hash
from schemas.scores import SCORE_RECORD, ItemScored
from streams import clients
from streams.history import read_whole
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline
from tests.unit.aggregation.records import failed, scored
from workers.sources.encode import png

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
PARENTS = ("good", "bad", "scan")


def _answer(parent: str, index: int, score: float, count: int, **other: Any) -> bytes:
    return scored(parent, index, score, count, at=1_800_000_000_000, **other)


def _publish_items(line: Pipeline) -> None:
    """Publish a slice, an item that is no picture, and one that no worker is there to answer."""
    publisher = line.publisher()
    pixels = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    for parent, kind, value in (("scan", "mri-slice", png(pixels)), ("bad", "image", b"no picture")):
        envelope = ItemEnvelope(
            id=f"{parent}/0",
            source="s",
            kind=kind,
            parent_id=parent,
            index=0,
            content_type="image/png",
            content_hash=content_hash(value),
        )
        publisher.item(RawItem(envelope, value))
    waiting = ItemEnvelope(id="half/2", source="camera-1", kind="video-frame", parent_id="half", index=2, count=4)
    publisher.item(RawItem(waiting, b"frame"))
    publisher.flush()


def _answer_by_hand(line: Pipeline, producer: Producer) -> None:
    """Send what workers would answer, and a dead letter."""
    places = {
        message.key(): {"item_partition": message.partition(), "item_offset": message.offset()}
        for message in read_whole(line.kafka.properties, line.names.items, PARTITIONS)
    }
    answers = [
        _answer("good", 0, 0.9, 2),
        _answer("good", 0, 0.9, 2, item_id="sent again"),
        _answer("good", 1, 0.8, 2),
        _answer("bad", 0, 0.1, 3, reasons=("blurry",), **places[b"bad"]),
        _answer("bad", 1, 0.05, 3),
        failed("bad", 2, 3),
        _answer("scan", 0, 0.95, 1, kind="mri-slice", **places[b"scan"]),
        _answer("half", 0, 0.9, 4, item_offset=101),
        _answer("half", 1, 0.9, 4, item_offset=102),
    ]
    for value in answers:
        producer.produce(line.names.scores, key=json.loads(value)["parent_id"].encode(), value=value)
    told = {"topic": "items", "partition": "0", "offset": "7", "stage": "score", "class.name": "truncated_image"}
    headers = [(f"__connect.errors.{name}", value.encode()) for name, value in told.items()]
    producer.produce(line.names.dead_letters, key=b"bad", value=b"cut", headers=headers)  # type: ignore[arg-type]
    assert producer.flush(30) == 0


@pytest.fixture(scope="module")
def line(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """Topics with an accepted, a rejected, a medical and an incomplete parent."""
    with pipeline(kafka, redis_address, tmp_path_factory.mktemp("explain")) as made:
        producer = clients.producer(kafka.properties)
        _publish_items(made)
        _answer_by_hand(made, producer)
        command = [sys.executable, "-m", "deploy", "watch", "--from-beginning", "--json"]
        with subprocess.Popen(
            command, env={**os.environ, **made.variables}, stdout=subprocess.PIPE, text=True
        ) as watching:
            guard = threading.Timer(60, watching.kill)
            guard.start()
            made.start("decide-0", "decide")
            assert watching.stdout is not None
            seen = {json.loads(watching.stdout.readline())["parent_id"] for _ in PARENTS}
            watching.send_signal(signal.SIGINT)
            code = watching.wait()
            guard.cancel()
        assert seen == set(PARENTS)
        assert code == 0  # Ctrl-C is how it is meant to end
        late = _answer("good", 1, 0.2, 2)
        producer.produce(made.names.scores, key=b"good", value=late)
        assert producer.flush(30) == 0
        producer.close()
        yield made


def _explain(line: Pipeline, parent: str, *arguments: str) -> str:
    done = line.run("explain", parent, *arguments)
    assert done.exit_code == 0
    return done.stdout


def test_an_accepted_parent_is_explained_item_by_item(line: Pipeline) -> None:
    told = json.loads(_explain(line, "good", "--json"))
    assert (told["state"], told["decision"]["action"], told["reproduced"]) == ("decided", "accept", True)
    assert told["partition"] == murmur2(b"good", PARTITIONS) == told["decision"]["partition"]
    assert "median of 2 scores (between 0.8000 and 0.9000) = 0.8500" in told["explanation"]
    standings = [(item["index"], item["score"], item["standing"]) for item in told["items"]]
    assert standings == [(0, 0.9, "counted"), (0, 0.9, "duplicate"), (1, 0.8, "counted"), (1, 0.2, "late")]
    offsets = [item["score_offset"] for item in told["items"]]
    assert told["decision"]["first_offset"] == min(offsets)
    assert told["decision"]["through_offset"] == offsets[2]


def test_a_rejected_parent_is_explained_with_its_causes_and_dead_letters(line: Pipeline) -> None:
    shown = " ".join(_explain(line, "bad").split())
    for text in (
        "bad reject rejected 0.0500",
        "median of 3 scores = 0.0500",
        "1 item that could not be read counts as 0",
        "made again from the records below: the same",
        "blurry",
        "truncated_image",
        "dead letters",
        "items 0/7",
    ):
        assert text in shown


def test_an_incomplete_parent_tells_what_it_waits_for(line: Pipeline) -> None:
    told = json.loads(_explain(line, "half", "--json"))
    assert (told["state"], told["decision"], told["expected"]) == ("open", None, 4)
    assert told["unanswered"] == [2]
    text = "\n".join(told["explanation"])
    for part in ("answered: 2 of 4 items", "not answered by a worker yet: #2", "not there yet: #3", "60 s after"):
        assert part in text


def test_an_unknown_parent_is_named_with_those_that_may_have_been_meant(line: Pipeline) -> None:
    done = line.run("explain", "goood", "--json")
    assert isinstance(done.exception, UnknownParentError)
    assert done.exception.exit_code == 12
    assert "good" in str(done.exception)
    assert json.loads(done.stdout) == {"parent_id": "goood", "state": "unknown", "near": ["good"]}


def test_the_report_is_made_from_the_topics_and_shows_slices_only_where_asked(line: Pipeline) -> None:
    def read(*, medical: bool) -> tuple[str, dict[str, int]]:
        report = read_report(line.kafka.properties, line.names, PARTITIONS, medical=medical)
        shown = {row.decision.parent_id: len(row.previews) for row in report.rows}
        return render(report), shown

    page, shown = read(medical=False)
    assert shown == {"good": 0, "bad": 0, "scan": 0}  # and what is no picture did no harm
    assert "data:image" not in re.sub(r"<meta[^>]*>", "", page)
    page, shown = read(medical=True)
    assert shown == {"good": 0, "bad": 0, "scan": 1}
    assert page.count("data:image/jpeg") == 1


def test_the_records_by_hand_are_as_workers_write_them(line: Pipeline) -> None:
    """So that what is shown above is what would be shown of a worker's."""
    for message in read_whole(line.kafka.properties, line.names.scores, PARTITIONS):
        record = SCORE_RECORD.validate_json(message.value() or b"")
        assert not isinstance(record, ItemScored) or record.parent_id.encode() == message.key()


def _told(line: Pipeline, parent: str, *arguments: str) -> tuple[str, BaseException | None]:
    done = line.run("explain", parent, *arguments)
    return done.stdout, done.exception


def test_decisions_are_verified_and_a_forged_one_is_found(line: Pipeline) -> None:
    assert "verified  window whole, revision 0, accept" in _explain(line, "good", "--verify")
    assert json.loads(_explain(line, "bad", "--verify", "--json"))["decisions"][0]["differences"] == []
    assert "no decision yet" in _explain(line, "half", "--verify")
    good = json.loads(_explain(line, "good", "--json"))["decision"]
    for parent in ("half", "nowhere"):  # it has two of four answers, and the other one none at all
        forged = {**good, "parent_id": parent, "partition": murmur2(parent.encode(), PARTITIONS), "first_offset": 0}
        _log(line, parent, json.dumps({**forged, "through_offset": 100}).encode())
    shown, problem = _told(line, "half", "--verify")
    assert isinstance(problem, NotVerifiedError)
    assert problem.exit_code == 15
    assert 'action: "accept" was written, "review" would be' in shown
    assert 'cause: "complete" was written, "none: nothing closes it there" would be' in shown
    shown, problem = _told(line, "nowhere", "--verify", "--window", "whole")
    assert isinstance(problem, UnverifiableError)
    assert problem.exit_code == 16
    assert "none of its records is there any more" in shown
    assert isinstance(_told(line, "good", "--window", "index/0-1")[1], UnknownWindowError)


def _log(line: Pipeline, parent: str, value: bytes) -> None:
    """Write to the log of decisions, where a parent's are."""
    with clients.producer(line.kafka.properties) as producer:
        producer.produce(line.names.decisions, key=parent.encode(), value=value)
        assert producer.flush(30) == 0
