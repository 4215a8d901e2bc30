"""The exactly-once loop on a real Kafka, with the gates that `sluice decide` gives it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition, murmur2
from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]  # its stubs forget it

from deploy.brokers.ladder import KafkaAddress
from schemas.policy import Action
from streams import clients, topics
from streams.recovery import PartitionCountError
from tests.chaos.fleet import Journal, Replica
from tests.integration.streams.deciders import PARTITIONS, PATIENCE, Bench, opened, wait
from tests.unit.aggregation.records import NOW, ended, failed, policy, scored

QUICK = policy(idle_ms=300)
pytestmark = pytest.mark.kafka


@pytest.fixture
def bench(kafka: KafkaAddress) -> Iterator[Bench]:
    with opened(kafka.properties) as bench:
        yield bench


def test_late_and_duplicate_scores_change_nothing(bench: Bench) -> None:
    bench.send(scored("p", 0, 0.9, 2), scored("p", 0, 0.9, 2), scored("p", 1, 0.9, 2))
    with bench.running():
        assert bench.decided("p")
        bench.send(scored("p", 0, 0.1, 2), scored("p", 1, 0.1, 2), scored("q", 0, 0.9, 1))
        assert bench.decided("p", "q")
    with bench.running():  # and after a restart
        bench.send(scored("p", 1, 0.1, 2), scored("r", 0, 0.9, 1))
        assert bench.decided("p", "q", "r")
    decision = bench.decisions()["p"]
    assert (decision.action, decision.score, decision.counts.duplicate) == (Action.ACCEPT, 0.9, 1)
    assert (decision.first_offset, decision.through_offset) == (0, 2)


def test_decisions_lie_in_the_partition_of_their_scores(bench: Bench) -> None:
    """A producer with another partitioner must not hide a decision from recovery, which looks in one partition."""
    parents = [f"p{number}" for number in range(20)]
    for number in range(PARTITIONS):
        bench.send(*(scored(f"{parent}/{number}", 0, 0.9, 1) for parent in parents), partition=number)
        bench.send(scored(f"open/{number}", 0, 0.9, 2), partition=number)
    names = [f"{parent}/{number}" for parent in parents for number in range(PARTITIONS)]
    for _ in range(2):  # the second one reads everything again
        with bench.running():
            assert bench.decided(*names)
    for topic in (bench.names.decisions, bench.names.latest, bench.names.action("accept")):
        assert {one.key: one.partition for one in bench.whole(topic)} == {n.encode(): int(n[-1]) for n in names}


def test_an_end_marker_closes(bench: Bench) -> None:
    bench.send(scored("p", 0, 0.9), failed("p", 1), ended("p"))
    with bench.running():
        assert bench.decided("p")
    decision = bench.decisions()["p"]
    assert (decision.cause, decision.counts.scored, decision.counts.failed) == ("end", 1, 1)


def test_the_time_of_the_stream_closes_a_quiet_parent(bench: Bench) -> None:
    bench.send(b"item", topic=bench.names.items)  # never answered, so that the wall clock has no evidence
    bench.send(scored("p", 0, 0.9, at=NOW), scored("q", 0, 0.9, at=NOW + 10_000))
    with bench.running(QUICK):
        assert bench.decided("p")
    decision = bench.decisions()["p"]
    assert (decision.cause, decision.through_offset) == ("idle", 1)


def test_the_wall_clock_closes_where_workers_have_answered_everything(bench: Bench) -> None:
    bench.send(b"item", b"item", topic=bench.names.items)
    bench.workers_at(0, 2)
    bench.send(scored("p", 0, 0.9, at=NOW))
    with bench.running(QUICK):
        assert bench.decided("p")
    assert bench.decisions()["p"].cause == "idle"


def test_the_wall_clock_closes_nothing_while_workers_are_behind(bench: Bench) -> None:
    bench.send(b"item", b"item", topic=bench.names.items)
    bench.workers_at(0, 1)
    bench.send(scored("p", 0, 0.9, at=NOW))
    with bench.running(QUICK) as decider:
        assert wait(lambda: decider.loop._evidence.waiting == [0])
        looks = _Seen(lambda: decider.loop._evidence._looked)
        assert wait(lambda: looks.different() > 5)
        bench.send(scored("r", 0, 0.9, 1), partition=1)
        assert bench.decided("r")  # the other partition is not held up
        bench.send(scored("p", 1, 0.1, at=NOW))  # it was on its way after all
        bench.workers_at(0, 2)
        assert bench.decided("p", "r")
    assert bench.decisions()["p"].counts.scored == 2


def test_an_unreadable_score_is_a_dead_letter_once_and_the_stream_goes_on(bench: Bench) -> None:
    bench.send(scored("p", 0, 0.9, 2), b"{broken", scored("q", 0, 0.9, 1))
    with bench.running():
        assert bench.decided("q")
    with bench.running():  # reads the broken one again, since p is open
        bench.send(scored("p", 1, 0.9, 2))
        assert bench.decided("p", "q")
    (letter,) = bench.whole(bench.names.dead_letters)
    assert (letter.key, letter.value) == (b"?", b"{broken")
    headers = _headers(bench, bench.names.dead_letters)
    assert headers["__connect.errors.class.name"] == b"unreadable_score"
    assert headers["__connect.errors.topic"] == bench.names.scores.encode()
    assert headers["__connect.errors.offset"] == b"1"


def test_more_unreadable_scores_than_the_producer_queues_are_dead_letters_all(bench: Bench) -> None:
    bench.send(*(b"{broken %d" % number for number in range(120)), scored("p", 0, 0.9, 1))
    with bench.running(properties={"queue.buffering.max.messages": 50}) as running:
        assert bench.decided("p")
    letters = [one.value for one in bench.whole(bench.names.dead_letters)]
    assert sorted(letters) == sorted(b"{broken %d" % number for number in range(120))
    assert not running.told("aborted")


def test_an_unreadable_score_that_only_compression_let_through_stops_nothing(bench: Bench) -> None:
    """Two are of different lengths: above what a client sends by default, and above what any dead letter takes."""
    limits: dict[str, str | int | float] = {"compression.type": "lz4", "message.max.bytes": 20_000_000}
    with clients.producer({**bench.properties, **limits}) as producer:
        for size in (2_000_000, 12_000_000):
            producer.produce(bench.names.scores, key=b"?", value=bytes(size), partition=0)
            assert producer.flush(30) == 0
    bench.send(scored("p", 0, 0.9, 1))
    with bench.running() as running:
        assert bench.decided("p")
    assert sorted(len(one.value) for one in bench.whole(bench.names.dead_letters)) == [0, 2_000_000]
    assert not running.told("aborted")


@dataclass
class _Seen:
    """Counts the different values that something had when it was looked at."""

    look: Callable[[], float]
    values: set[float] = field(default_factory=set)

    def different(self) -> int:
        self.values.add(self.look())
        return len(self.values)


def _headers(bench: Bench, topic: str) -> dict[str, Any]:
    """Return the headers of the one record of a topic."""
    with Consumer({**bench.properties, "group.id": "none", "log_level": 3}) as consumer:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        found = consumer.poll(PATIENCE)
        assert found is not None
        return dict(found.headers() or [])


def test_recovery_waits_for_an_open_transaction_of_another(bench: Bench) -> None:
    other = clients.producer(bench.properties, transactional_id=f"{bench.group}-other")
    other.init_transactions(30)
    other.begin_transaction()
    other.produce(bench.names.decisions, key=b"p", value=b"never committed", partition=0)
    assert other.flush(30) == 0
    bench.send(scored("p", 0, 0.9, 1))
    with bench.running() as decider:
        assert wait(lambda: decider.owns() == {1} and decider.loop._ownership._recoverer._waiting[0].gate is not None)
        reader = decider.loop._ownership._recoverer._reader
        assert wait(lambda: reader.assignment() == [TopicPartition(bench.names.decisions, 0)])
        assert decider.owns() == {1}
        other.abort_transaction(30)
        assert bench.decided("p")
    other.close()


def test_a_restarted_decider_ends_its_own_open_transaction_at_once(bench: Bench) -> None:
    """The transaction would stay open for minutes, and its pending offsets hold recovery up."""
    before = clients.producer(
        bench.properties, transactional_id=f"{bench.group}-decide-0", transaction_timeout_ms=600_000
    )
    before.init_transactions(30)
    before.begin_transaction()
    before.produce(bench.names.decisions, key=b"p", value=b"never committed", partition=0)
    with Consumer({**bench.properties, "group.id": bench.group}) as member:
        places = [TopicPartition(bench.names.scores, 0, 1)]
        before.send_offsets_to_transaction(places, member.consumer_group_metadata(), 30)
    bench.send(scored("p", 0, 0.9, 1))
    with bench.running(instance="decide-0"):
        assert bench.decided("p")
    with pytest.raises(KafkaException, match="fenced"):
        before.commit_transaction(30)
    before.purge()
    with contextlib.suppress(KafkaException):
        before.close()


def test_what_a_failed_transaction_held_is_decided_from_the_topics(bench: Bench) -> None:
    with bench.running() as decider:
        bench.send(scored("p", 0, 0.9, 1), scored("q", 0, 0.9, 2))
        assert bench.decided("p")
        fencing = clients.producer(bench.properties, transactional_id=f"{bench.group}-decide-0")
        fencing.init_transactions(30)
        fencing.close()
        bench.send(scored("q", 1, 0.9, 2), scored("r", 0, 0.9, 1))
        assert bench.decided("p", "q", "r")
    assert decider.told("fenced") + decider.told("aborted") + decider.told("unknown")
    assert decider.told("recovering") == [{"partitions": [0, 1]}]


def test_scores_that_expired_before_they_were_read_send_to_review(bench: Bench) -> None:
    bench.send(*(scored("p", index, 0.9, 4) for index in range(3)))
    with bench.running():
        assert wait(lambda: _committed(bench) == 0)
    bench.delete_scores(before=2)
    bench.send(scored("p", 3, 0.9, 4), ended("p"), scored("q", 0, 0.9, 1))
    with bench.running() as decider:
        assert bench.decided("p", "q")
    assert decider.told("truncated") == [{"partition": 0, "committed": 0, "start": 2}]
    decision = bench.decisions()["p"]
    assert (decision.cause, decision.action) == ("truncated", Action.REVIEW)
    assert "truncated" in decision.reasons


def test_scores_that_expire_below_the_watermark_change_nothing(bench: Bench) -> None:
    bench.send(scored("p", 0, 0.9, 1), scored("q", 0, 0.9, 2))
    with bench.running():
        assert bench.decided("p")
        assert wait(lambda: _committed(bench) == 1)
    bench.delete_scores(before=1)
    bench.send(scored("q", 1, 0.9, 2))
    with bench.running() as decider:
        assert bench.decided("p", "q")
    assert decider.told("truncated") == []
    assert bench.decisions()["q"].cause == "complete"


def _committed(bench: Bench) -> int:
    with Consumer({**bench.properties, "group.id": bench.group}) as member:
        (place,) = member.committed([TopicPartition(bench.names.scores, 0)], timeout=10)
        return int(place.offset)


def test_a_replica_that_joins_and_leaves_costs_nothing(bench: Bench) -> None:
    parents = [f"p{number}" for number in range(300)]
    sent = iter(parents)

    def send(count: int) -> bool:
        for _, parent in zip(range(count), sent, strict=False):
            place = murmur2(parent.encode(), PARTITIONS)
            bench.send(scored(parent, 0, 0.9, 2), scored(parent, 1, 0.9, 2), partition=place)
        return True

    with bench.running(instance="decide-0") as first:
        assert wait(lambda: first.owns() == {0, 1})
        send(100)
        with bench.running(instance="decide-1") as second:
            assert wait(lambda: send(1) and (len(first.owns()), len(second.owns())) == (1, 1))
            send(50)
        assert wait(lambda: first.owns() == {0, 1})
        send(300)
        assert bench.decided(*parents)
    refused = first.told("fenced") + first.told("aborted") + first.told("unknown")
    assert len(refused) <= 3, "one for each new generation at most: the group had it before this member knew"
    kept = [number for fields in first.told("revoked") for number in fields["partitions"]]
    assert len(kept) <= 3, "one partition went over, and two were given up at the end"


def test_no_transaction_is_sent_without_membership(bench: Bench) -> None:
    """Metadata without a member id is accepted by the broker unchecked, so it must never be used."""
    with bench.running() as decider:
        assert wait(lambda: decider.owns() == {0, 1})
        membership, decider.loop._sender._group = decider.loop._sender._group, None
        bench.send(scored("p", 0, 0.9, 1))
        assert wait(lambda: any(one.gate.ready for one in list(decider.loop._ownership.owned.values())))
        assert bench.decisions() == {}
        decider.loop._sender._group = membership
        assert bench.decided("p")


def test_a_partition_that_is_added_is_refused_while_running(bench: Bench) -> None:
    with bench.running(properties={"topic.metadata.refresh.interval.ms": 300}) as decider:
        assert wait(lambda: decider.owns() == {0, 1})
        _grow(bench, [bench.names.scores])
        assert wait(lambda: bool(decider.problem))
    assert isinstance(decider.problem[0], PartitionCountError)
    assert "parents are split" in str(decider.problem[0])


def _grow(bench: Bench, names: list[str]) -> None:
    for future in bench.admin.create_partitions([NewPartitions(name, PARTITIONS + 1) for name in names]).values():
        future.result()


def _process(bench: Bench, folder: Path, partitions: int, more: Mapping[str, str] | None = None) -> Replica:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    environment |= {
        "SLUICE_KAFKA": str(bench.properties["bootstrap.servers"]),
        "SLUICE_TOPIC_PREFIX": bench.names.prefix,
        "SLUICE_PARTITIONS": str(partitions),
        "SLUICE_DECIDE_GROUP": bench.group,
    } | dict(more or {})
    replica = Replica("decide-0", environment, folder, Journal())
    replica.start()
    return replica


def test_a_raised_count_is_refused_at_start(bench: Bench, tmp_path: Path) -> None:
    with bench.running():
        bench.send(scored("p", 0, 0.9, 1))
        assert bench.decided("p")
    _grow(bench, [bench.names.scores])
    replica = _process(bench, tmp_path, PARTITIONS)
    assert replica.exit_code(PATIENCE) == 5
    assert f"{bench.names.scores}: 3 partitions instead of 2" in replica.log()


def test_a_raised_count_is_refused_when_the_settings_follow_it(bench: Bench, tmp_path: Path) -> None:
    with bench.running():
        bench.send(scored("p", 0, 0.9, 1))
        assert bench.decided("p")
        assert wait(lambda: _committed(bench) == 1)
    specs = topics.topic_set(bench.names, PARTITIONS)
    _grow(bench, [spec.name for spec in specs if spec.partitions == PARTITIONS])
    replica = _process(bench, tmp_path, PARTITIONS + 1)
    assert replica.exit_code(PATIENCE) == 6
    assert "had 2 when its offsets were committed, so parents are split" in replica.log()


def test_an_offset_that_another_tool_committed_is_refused(bench: Bench, tmp_path: Path) -> None:
    with Consumer({**bench.properties, "group.id": bench.group}) as tool:
        tool.commit(offsets=[TopicPartition(bench.names.scores, 0, 0)], asynchronous=False)
    replica = _process(bench, tmp_path, PARTITIONS)
    assert replica.exit_code(PATIENCE) == 6
    assert "the committed offset's metadata is not a decider's" in replica.log()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (
            "MESSAGE_TIMEOUT_MS",
            "300000",
            "`message.timeout.ms` must be set <= `transaction.timeout.ms`",
        ),  # by the client
        ("TRANSACTION_TIMEOUT_MS", "2000000", "Transaction timeout is larger"),  # by the broker
    ],
)
def test_a_property_that_no_waiting_mends_ends_the_process(
    bench: Bench, tmp_path: Path, name: str, value: str, reason: str
) -> None:
    replica = _process(bench, tmp_path, PARTITIONS, {f"SLUICE_KAFKA__{name}": value})
    assert replica.exit_code(PATIENCE) == 2
    assert reason in replica.log()
    assert "Mend the SLUICE_KAFKA__" in replica.log()


# Utils.murmur2 of these keys, from Apache Kafka's UtilsTest.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("partitions", [1, 2, 6, 97])
def test_the_partition_of_a_key_is_javas(partitions: int) -> None:
    found = {key: murmur2(key, partitions) for key in JAVA}
    assert found == {key: (code & 0x7FFFFFFF) % partitions for key, code in JAVA.items()}


def test_our_producers_send_a_key_where_java_does(bench: Bench) -> None:
    found: dict[Any, Any] = {}
    for key in JAVA:
        bench.producer.produce(
            bench.names.items,
            key=key,
            value=b"",
            on_delivery=lambda _, sent: found.update({sent.key(): sent.partition()}),
        )
    assert bench.producer.flush(30) == 0
    assert found == {key: (code & 0x7FFFFFFF) % PARTITIONS for key, code in JAVA.items()}
