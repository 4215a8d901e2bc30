"""Whatever is sent, the stream goes on: seen on the topics, with a real worker and a real decider."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Message as Record
from confluent_kafka import murmur2

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.policyfiles import DEMO
from deploy.publishing import open_publisher, publish_files
from schemas.decisions import Decision
from schemas.items import ItemEnvelope, RawItem
from schemas.policy import Action
from schemas.scores import SCORE_RECORD, ItemFailed, ItemScored
from streams import clients
from streams.claimfolder import ClaimFolder
from streams.history import read_whole
from streams.publisher import Publisher
from streams.topics import MAX_ITEM_BYTES
from tests.integration.deploy.badinput import WORDS, Message, bad, bad_files, chunk, large_picture, readable
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline
from workers.sources import Parent, SourceOptions

pytestmark = pytest.mark.kafka
CONNECT = "__connect.errors."
SWOLLEN = b"swollen"


@dataclass
class Seen:
    """What was sent, and all that is on the topics after it."""

    bad: list[Message]
    readable: list[Message]
    good: list[Message]
    letters: list[Record]
    failed: list[ItemFailed]
    scored: dict[str, list[ItemScored]]
    decisions: dict[str, list[Decision]]


def _good() -> list[Message]:
    """Return one parent for each partition."""
    names = {murmur2(name.encode(), PARTITIONS): name for name in (f"good-{number}" for number in range(40))}
    assert len(names) == PARTITIONS
    return [chunk(name, "", WORDS) for name in names.values()]


def _two_counts() -> list[Message]:
    """Return a parent whose items disagree on how many they are, and its end."""
    name, other = "two-counts", {"ce_index": "1", "ce_count": "3", "ce_id": "two-counts/1"}
    end = {"ce_type": "org.sluice.parent.ended.v1", "ce_index": None, "ce_count": None}
    return [
        chunk(name, "", WORDS, ce_count="2"),
        chunk(name, "", WORDS + b" Again.", **other),
        chunk(name, "", b"", **end),
    ]


def _send(gate: Pipeline, messages: Sequence[Message]) -> None:
    producer = clients.producer(gate.kafka.properties)
    for one in messages:
        producer.produce(gate.names.items, key=one.key, value=one.value, headers=one.wire_headers)
    producer.flush()
    producer.close()


def _send_large(gate: Pipeline, root: Path) -> None:
    """Publish a picture that no message can hold, as `sluice publish` does where SLUICE_CLAIM_DIR is set."""
    publisher = Publisher(gate.kafka.properties, gate.names.items, ClaimFolder(root / "large"))
    envelope = ItemEnvelope(
        id="large/0", source="us", kind="image", parent_id="large", index=0, count=1, content_type="image/bmp"
    )
    publisher.item(RawItem(envelope, large_picture()))
    publisher.flush()
    publisher.close()


def _send_swollen(gate: Pipeline) -> None:
    """Send what is small on the wire and larger than any message once its batch is unpacked."""
    one = chunk("swollen", "unknown_type", bytes(2 * MAX_ITEM_BYTES), ce_type="?")
    producer = clients.producer(gate.kafka.properties, message_max_bytes=3 * MAX_ITEM_BYTES)
    producer.produce(gate.names.items, key=one.key, value=one.value, headers=one.wire_headers)
    producer.flush()
    producer.close()


def _wait(gate: Pipeline, parents: set[str], letters: int) -> None:
    """Wait until these parents are decided and so many dead letters are there."""
    follower = gate.follow(gate.names.decisions, gate.names.dead_letters)
    while parents or letters > 0:
        assert all(process.wait(0) is None for process in gate.running.values()), "a process has ended"
        for record in follower.poll(1.0):
            if record.topic() == gate.names.dead_letters:
                letters -= 1
            else:
                parents.discard(Decision.model_validate_json(record.value() or b"").parent_id)


def _headers(letter: Record) -> dict[str, bytes]:
    """Return the headers as they lie, in order."""
    return {name: text for name, text in dict(letter.headers() or []).items() if isinstance(text, bytes)}


def _read(gate: Pipeline, topic: str) -> list[Record]:
    return list(read_whole(gate.kafka.properties, topic, PARTITIONS))


@pytest.fixture(scope="module")
def seen(kafka: KafkaAddress, redis_address: RedisAddress, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("bad")
    root = folder / "claims"
    root.mkdir()
    wrong, special, good = list(bad(root)), list(readable(root)), _good()
    with pipeline(kafka, redis_address, folder) as gate, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLUICE_CLAIM_ROOTS", os.pathsep.join([str(folder / "claims")]))
        gate.start("score", "score", "--device", "cpu")
        gate.start("decide", "decide", "--policy", str(DEMO))
        _send(gate, [*wrong, *special, *_two_counts()])
        _send_swollen(gate)
        _send_large(gate, root)
        _send(gate, good)
        _wait(gate, {one.name for one in (*special, *good)} | {"two-counts", "large"}, len(wrong) + 1)
        answers = [SCORE_RECORD.validate_json(record.value() or b"") for record in _read(gate, gate.names.scores)]
        decisions = [Decision.model_validate_json(r.value() or b"") for r in _read(gate, gate.names.decisions)]
        return Seen(
            wrong,
            special,
            good,
            _read(gate, gate.names.dead_letters),
            [answer for answer in answers if isinstance(answer, ItemFailed)],
            _by_parent([answer for answer in answers if isinstance(answer, ItemScored)]),
            {d.parent_id: [o for o in decisions if o.parent_id == d.parent_id] for d in decisions},
        )


def _by_parent(answers: Sequence[ItemScored]) -> dict[str, list[ItemScored]]:
    return {one.parent_id: [other for other in answers if other.parent_id == one.parent_id] for one in answers}


def test_each_bad_message_is_a_dead_letter_once_whole_and_with_its_cause(seen: Seen) -> None:
    found: Counter[object] = Counter()
    for letter in seen.letters:
        headers = _headers(letter)
        if letter.key() == SWOLLEN:
            continue
        own = [(name, text) for name, text in headers.items() if not name.startswith(CONNECT)]
        cause = headers[f"{CONNECT}class.name"]
        found[letter.key(), letter.value(), tuple(own), cause] += 1
    expected = Counter((one.key, one.value, tuple(one.wire_headers), one.becomes.encode()) for one in seen.bad)
    assert found == expected
    assert set(expected.values()) == {1}


def test_a_message_that_no_dead_letter_can_hold_is_named_there(seen: Seen) -> None:
    (letter,) = [letter for letter in seen.letters if letter.key() == SWOLLEN]
    headers = _headers(letter)
    assert letter.value() is None
    assert headers[f"{CONNECT}class.name"] == b"unknown_type"
    assert int(headers[f"{CONNECT}omitted"].split()[0]) > 2 * MAX_ITEM_BYTES
    assert f"{CONNECT}offset" in headers


def test_the_parent_of_a_bad_message_learns_of_it_where_it_is_known(seen: Seen) -> None:
    told = {(failed.parent_id, failed.cause) for failed in seen.failed}
    assert told == {(one.name, one.becomes) for one in seen.bad if one.known} | {("swollen", "unknown_type")}
    assert len(seen.failed) == len(told)
    assert all(failed.detail for failed in seen.failed)


def test_what_can_be_read_is_scored_and_its_reasons_say_how(seen: Seen) -> None:
    for one in seen.readable:
        (scored,) = seen.scored[one.name]
        assert not one.becomes or one.becomes in scored.reasons, (one.name, scored.reasons)


def test_a_picture_that_no_message_can_hold_is_scored_by_reference(seen: Seen) -> None:
    (scored,) = seen.scored["large"]
    (decision,) = seen.decisions["large"]
    assert scored.content_hash is not None
    assert decision.counts.scored == 1


def test_two_different_counts_send_a_parent_to_review(seen: Seen) -> None:
    (decision,) = seen.decisions["two-counts"]
    assert decision.action is Action.REVIEW
    assert "conflicting_counts" in decision.reasons


def test_parents_that_came_after_all_of_it_are_decided_on_every_partition(seen: Seen) -> None:
    for one in seen.good:
        (decision,) = seen.decisions[one.name]
        assert (decision.counts.scored, decision.counts.failed) == (1, 0)


class _Quiet:
    def parent(self, parent: Parent) -> None: ...

    def item(self) -> None: ...


def test_files_that_cannot_be_published_are_named_and_the_others_go_on(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    files = dict(bad_files(tmp_path))
    (tmp_path / "zebra.txt").write_bytes(WORDS)
    with pipeline(kafka, redis_address, tmp_path) as gate:
        publisher = open_publisher(kafka.properties, gate.settings)
        published = publish_files([tmp_path], publisher, "test", SourceOptions(), _Quiet())
        publisher.close()
        follower = gate.follow(gate.names.items)
        records: list[Record] = []
        while len(records) < len(("the item", "its end")):
            records += follower.poll(1.0)
    for path, told in files.items():
        assert any(path.stem in problem and told in problem for problem in published.problems), published.problems
    assert len(published.problems) == len(files)
    assert [record.value() for record in records] == [WORDS, None]
