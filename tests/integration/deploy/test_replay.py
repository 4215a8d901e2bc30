"""Replays of a real run on real Kafka: the same decisions, nothing live touched, and the same again after a kill -9."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import TopicPartition
from typer.testing import Result

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.errors import SluiceError
from deploy.itemrecords import record_of
from deploy.replay.folder import DECISIONS_FILE, Row, Run, open_run
from deploy.replay.run import replay
from deploy.settings import Settings
from schemas.decisions import Decision
from schemas.items import ItemEnvelope, RawItem
from streams import clients, offsets
from streams.envelope import parse
from streams.history import read_whole
from streams.work import Shadowed, Ticket
from tests.integration.deploy.killedreplay import HEAD, Deadly, options
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline
from workers.cache import RedisCache
from workers.scorer import Scorer
from workers.service import DECIDED

PARENTS = 8
CHUNKS = 4
EARLY_CHUNKS = 12
PROSE = (
    "The committee met on {} and agreed that bridge number {} should be painted before the winter, since the rust had"
    " spread along both of its railings and the mayor did not want to close it for another year."
)
STRICT = {"high": 1.0, "medium": 0.9999, "low": 0.9998}  # whatever the head says of a chunk, it is rejected
OWN = {
    "name": "own",
    "rules": [
        {"method": {"name": "mean"}},
        {
            "source": "strict",
            "method": {"name": "min"},
            "thresholds": STRICT,
            "completeness": {"max_missing": 1.0},
            "early": True,
            "uncalibrated_may_reject": True,
        },
    ],
}
NIGHT = {"name": "night", "rules": [{"method": {"name": "min"}, "thresholds": STRICT, "uncalibrated_may_reject": True}]}


@dataclass
class Past:
    """A run that is over: its topics, and how commands reach them."""

    line: Pipeline
    folder: Path
    begin: str
    own: Path
    night: Path
    skipped: int

    def run(self, *arguments: str, **environment: str) -> Result:
        command = ["replay", "--from", self.begin, "--own-policy", str(self.own), *arguments]
        return self.line.run(*command, **environment)

    def replayed(self, name: str, *arguments: str, **environment: str) -> Run:
        done = self.run("--out", str(self.folder / name), *arguments, **environment)
        assert done.exception is None, done.output
        return open_run(self.folder / name)

    def scored(self) -> Run:
        """Return a replay with the live head, which is made once."""
        return self.replayed("scored", "--head", str(HEAD), "--device", "cpu")

    def plain(self) -> Run:
        """Return a replay of the scores as they were, which is made once."""
        return self.replayed("plain")

    def refused(self, *arguments: str, **environment: str) -> SluiceError:
        problem = self.run(*arguments, **environment).exception
        assert isinstance(problem, SluiceError), problem
        return problem

    def ends(self) -> dict[str, dict[int, int]]:
        """Return the end offsets of all live topics."""
        admin, prefix = clients.admin(self.line.kafka.properties), self.line.settings.topic_prefix
        live = {name: topic for name, topic in admin.list_topics(timeout=10).topics.items() if name.startswith(prefix)}
        return {name: offsets.ends(admin, name, topic.partitions) for name, topic in live.items()}


def _items(parent: str, source: str, count: int) -> Iterator[RawItem]:
    for index in range(count):
        text = PROSE.format(parent, index) if index % 2 else "buy now " * (5 + index) + parent
        envelope = ItemEnvelope(
            id=f"{parent}/{index}",
            source=source,
            kind="document-chunk",
            parent_id=parent,
            index=index,
            count=count,
            content_type="text/plain",
        )
        yield RawItem(envelope, text.encode())


def _answer(line: Pipeline) -> int:
    """Answer the items as a worker does; of the parent that is decided early, all but the first are skipped."""
    scorer = Scorer.load(HEAD, cache=RedisCache.connect(line.redis_url, timeout_seconds=10))
    producer, skipped = clients.producer(line.kafka.properties), 0
    for message in read_whole(line.kafka.properties, line.names.items, PARTITIONS):
        item = parse(message.headers(), message.key(), message.value())
        assert isinstance(item, RawItem)
        early = item.envelope.source == "strict" and item.envelope.index > 0
        (result,) = [DECIDED] if early else scorer.score([item])
        ticket = Ticket(message.partition() or 0, 0, message.offset() or 0, message.timestamp()[1])
        record = record_of(ticket, item.envelope, result)
        assert not isinstance(record, Shadowed)
        producer.produce(line.names.scores, record.to_json(), item.envelope.parent_id, ticket.partition)
        skipped += early
    assert producer.flush(30) == 0
    producer.close()
    return skipped


@pytest.fixture(scope="module")
def past(kafka: KafkaAddress, redis_address: RedisAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """A decider has decided what was scored, one parent early, and is gone."""
    folder = tmp_path_factory.mktemp("past")
    own, night = folder / "own.yaml", folder / "night.yaml"
    own.write_text(yaml.safe_dump(OWN))
    night.write_text(yaml.safe_dump(NIGHT))
    begin = datetime.now(UTC).isoformat()
    with pipeline(kafka, redis_address, folder) as line:
        line.start("decide-0", "decide", "--policy", str(own))
        publisher = line.publisher()
        for item in _items("strict-6", "strict", EARLY_CHUNKS):
            publisher.item(item)
        for number in range(PARENTS):
            for item in _items(f"text-{number}", f"lab-{number % 2}", CHUNKS):
                publisher.item(item)
        publisher.flush()
        skipped = _answer(line)
        line.decided(PARENTS + 1)
        line.running["decide-0"].stop()
        yield Past(line, folder, begin, own, night, skipped)


def _live(past: Past) -> dict[str, Decision]:
    found = read_whole(past.line.kafka.properties, past.line.names.decisions, PARTITIONS)
    decisions = [Decision.model_validate_json(message.value() or b"") for message in found]
    return {decision.parent_id: decision for decision in decisions}


def _rows(run: Run) -> dict[str, Row]:
    return {row.parent_id: row for row in run.rows()}


@pytest.mark.kafka
def test_the_live_heads_give_the_live_decisions_from_the_cache_and_touch_nothing(past: Past) -> None:
    before, live = past.ends(), _live(past)
    run = past.scored()
    assert past.ends() == before
    counts = run.record.counts
    assert counts.skipped_early == past.skipped
    assert counts.rescored == PARENTS * CHUNKS + EARLY_CHUNKS
    assert counts.from_cache == counts.rescored - past.skipped  # no encoder call but for what was never embedded
    assert counts.encoded == past.skipped
    assert (counts.decisions, counts.not_live, counts.expired, counts.failed) == (PARENTS + 1, 0, 0, 0)
    for parent, row in _rows(run).items():
        again, written = (one.model_dump(exclude={"timings": {"decided_at"}}) for one in (row.record(), live[parent]))
        assert again == written
    embedded = Counter(row["embedded"] for number in range(PARTITIONS) for row in run.scores(number))
    assert embedded == {"cache": counts.from_cache, "encoder": counts.encoded}


@pytest.mark.kafka
def test_without_early_decisions_the_skipped_items_have_their_part(past: Past) -> None:
    run = past.replayed("night", "--head", str(HEAD), "--device", "cpu", "--policy", str(past.night))
    decision = _rows(run)["strict-6"].record()
    assert (decision.counts.scored, decision.counts.skipped) == (EARLY_CHUNKS, 0)
    assert {row.action for row in run.rows()} == {"reject"}
    plain = past.replayed("strict", "--policy", str(past.night))
    decision = _rows(plain)["strict-6"].record()
    assert (decision.counts.scored, decision.counts.skipped) == (EARLY_CHUNKS - past.skipped, past.skipped)
    assert any("skipped after an early decision" in notice for notice in plain.record.notices)
    assert not plain.rescored


@pytest.mark.kafka
def test_two_replays_by_any_number_of_processes_are_identical(past: Past) -> None:
    one = past.replayed("one", "--source", "lab-1")
    two = past.replayed("two", "--source", "lab-1", "--workers", "2")
    assert {row.source for row in one.rows()} == {"lab-1"}
    assert one.record.counts.decisions == PARENTS // 2
    assert (one.path / DECISIONS_FILE).read_bytes() == (two.path / DECISIONS_FILE).read_bytes()
    told = json.loads(past.run("--source", "lab-1", "--out", str(two.path), "--json").stdout)
    assert told == json.loads(two.record.model_dump_json(exclude_none=True))  # it was made: nothing is done again


@pytest.mark.kafka
@pytest.mark.parametrize(("where", "times"), [("scoring", 2), ("published", 2)])
def test_a_replay_that_was_killed_goes_on_and_ends_the_same(
    past: Past, where: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, topics = past.folder / f"killed-{where}", f"replay-{where}-{past.line.settings.topic_prefix}"
    command = [sys.executable, "-m", "tests.integration.deploy.killedreplay"]
    arguments = [str(folder), past.begin, str(past.own), topics, where, str(times)]
    environment = {**os.environ, **past.line.variables}
    killed = subprocess.run([*command, *arguments], env=environment, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    for name, value in past.line.variables.items():
        monkeypatch.setenv(name, value)
    before, head = past.ends(), where == "scoring"
    run = replay(Settings.load(), options(folder, past.begin, past.own, topics, head=head), Deadly("never", 0))
    assert past.ends() == before
    at_once = past.scored() if head else past.plain()
    assert (run.path / DECISIONS_FILE).read_bytes() == (at_once.path / DECISIONS_FILE).read_bytes()
    rows = list(run.rows())
    assert Counter(_sent(past, topics + "decisions")) == Counter(row.decision.encode() for row in rows)
    for action in ("accept", "review", "reject"):
        wanted = Counter(row.decision.encode() for row in rows if row.action == action)
        assert Counter(_sent(past, topics + action)) == wanted


def _sent(past: Past, topic: str) -> list[bytes | str | None]:
    return [message.value() for message in read_whole(past.line.kafka.properties, topic, PARTITIONS)]


@pytest.mark.kafka
def test_no_live_topic_is_ever_written_to(past: Past) -> None:
    prefix = past.line.settings.topic_prefix
    before = past.ends()
    for live in (prefix, prefix.replace(".", "_")):
        problem = past.refused("--topics", live)
        assert (problem.exit_code, "live topics" in str(problem)) == (21, True)
    done = past.plain().path  # its partitions would not be on topics that are named later
    assert "other topics" in str(past.refused("--out", str(done), "--topics", f"late-{prefix}"))
    problem = past.refused("--topics", prefix, SLUICE_TOPIC_PREFIX="elsewhere.")
    assert problem.exit_code == 5  # there is no such set of topics; nor is another one written to
    assert past.ends() == before


@pytest.mark.kafka
def test_a_head_for_another_encoder_is_refused(past: Past, tmp_path: Path) -> None:
    head = tmp_path / "other"
    shutil.copytree(HEAD, head)
    manifest: dict[str, Any] = json.loads((head / "manifest.json").read_text())
    manifest["encoding"]["preprocessing"] = "another-version"
    (head / "manifest.json").write_text(json.dumps(manifest))
    problem = past.refused("--head", str(head), "--out", str(tmp_path / "a"))
    assert (problem.exit_code, "it needs embeddings of" in str(problem)) == (21, True)
    problem = past.refused(
        "--head", str(HEAD), "--device", "cpu", "--out", str(tmp_path / "b"), SLUICE_METRICS="-odd_pairs"
    )
    assert problem.exit_code == 21


@pytest.mark.kafka
def test_bad_input_is_told(past: Past, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "out"))
    assert past.refused("--to", "2001-01-01", *out).exit_code == 2
    assert "choose other times" in str(past.refused("--from", "2001-01-01", "--to", "2001-01-02", *out))
    assert "history" in str(past.refused("--policy", "never@7", *out))
    assert past.refused("--policy", str(tmp_path / "none.yaml"), *out).exit_code == 2
    assert past.refused(*out, SLUICE_PARTITIONS="3").exit_code == 5
    run = past.replayed("future", "--to", "2999-01-01")
    assert any("in the future" in notice for notice in run.record.notices)
    problem = past.refused("--from", "1d", "--out", str(run.path))
    assert "another replay" in str(problem)
    command = ["replay", "--from", past.begin, *out]  # without --own-policy
    done = past.line.run(*command)
    assert "--own-policy" in str(done.exception)


@pytest.mark.kafka
def test_items_that_are_gone_are_counted_and_their_parents_marked(past: Past, kafka: KafkaAddress) -> None:
    empty = past.line.redis_url.rsplit("/", 1)[0] + "/5"
    admin = clients.admin(kafka.properties)
    ends = offsets.ends(admin, past.line.names.items, range(PARTITIONS))
    gone = next(number for number, end in ends.items() if end > CHUNKS)
    half = ends[gone] // 2
    deleted = admin.delete_records([TopicPartition(past.line.names.items, gone, half)])
    assert [one.result().low_watermark for one in deleted.values()] == [half]
    run = past.replayed("gone", "--head", str(HEAD), "--device", "cpu", SLUICE_REDIS=empty)
    counts = run.record.counts
    assert counts.expired == half
    assert counts.encoded == PARENTS * CHUNKS + EARLY_CHUNKS - half
    assert sum(row.expired for row in run.rows()) > 0
    for row in run.rows():
        assert row.expired == 0 or row.record().counts.skipped >= row.expired
    assert any("deleted by retention" in notice for notice in run.record.notices)
