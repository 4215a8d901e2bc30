"""The at-least-once loop on a real Kafka, with workers that are slow, late, or give up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Message, murmur2

from deploy.brokers.ladder import KafkaAddress
from schemas.items import ItemEnvelope, RawItem
from schemas.scores import SCORE_RECORD, ItemFailed, ItemScored, ParentEnded
from streams import clients, groupoffsets, offsets, topics
from streams.atleastonce import ScoreLoop
from streams.envelope import item_headers
from streams.history import Follower, read_whole
from streams.publisher import Publisher
from streams.topics import TopicNames
from streams.work import Answer, ScoreSettings, Ticket

PARTITIONS = 2
pytestmark = pytest.mark.kafka


@dataclass
class Stub:
    """A worker that answers what it is told to, when it is told to."""

    fails: Callable[[RawItem], bool] = lambda _: False
    held: list[tuple[Ticket, RawItem]] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    most: int = 0
    begins: int = 1_000_000  # of the items that it holds; the others can be withdrawn

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        self.held.append((ticket, item))
        self.most = max(self.most, len(self.held))

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        if not self.free.is_set():
            return []
        done, self.held = self.held, []
        return [(ticket, self._answer(ticket, item)) for ticket, item in reversed(done)]  # out of order on purpose

    def withdraw(self, wanted: Callable[[Ticket], bool]) -> Sequence[Ticket]:
        begun, waiting = self.held[: self.begins], self.held[self.begins :]
        self.held = begun + [one for one in waiting if not wanted(one[0])]
        return [ticket for ticket, _ in waiting if wanted(ticket)]

    def _answer(self, ticket: Ticket, item: RawItem) -> Answer:
        place: dict[str, Any] = {
            "parent_id": item.envelope.parent_id,
            "kind": item.envelope.kind,
            "source": item.envelope.source,
            "item_id": item.envelope.id,
            "index": item.envelope.index,
            "appended_at": ticket.appended_at,
            "item_partition": ticket.partition,
            "item_offset": ticket.offset,
        }
        if self.fails(item):
            return ItemFailed(**place, cause="corrupt", detail="broken on purpose")
        return ItemScored(**place, score=0.5, scorer="stub", embedding="none")


@dataclass
class Bench:
    kafka: KafkaAddress
    names: TopicNames
    group: str

    @contextmanager
    def running(self, worker: Stub, **settings: Any) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        events: list[tuple[str, dict[str, Any]]] = []
        stop = threading.Event()
        loop = ScoreLoop(
            self.kafka.properties,
            ScoreSettings(self.names, PARTITIONS, self.group, **{"drain_seconds": 5, **settings}),
            worker,
            lambda event, **fields: events.append((event, fields)),
        )
        thread = threading.Thread(target=loop.run, args=(stop.is_set,))
        thread.start()
        try:
            yield events
        finally:
            stop.set()
            thread.join()

    def publish(self, items: Sequence[RawItem], end: str | None = None) -> None:
        publisher = Publisher(self.kafka.properties, self.names.items)
        for item in items:
            publisher.item(item)
        if end is not None:
            publisher.end(end, "test", "test", len(items))
        publisher.flush()
        publisher.close()

    def scores(self, wanted: int) -> list[Any]:
        """Wait for so many records, and return all that are there."""
        follower = Follower(self.kafka.properties, [self.names.scores], PARTITIONS)
        found: list[Message] = []
        while len(found) < wanted:
            found += follower.poll(1.0)
        follower.close()
        return [SCORE_RECORD.validate_json(message.value() or b"") for message in found]

    def committed(self) -> int:
        found = groupoffsets.committed(self.kafka.properties, self.group, self.names.items, range(PARTITIONS))
        return sum(found.values())

    def whole(self, topic: str) -> list[Message]:
        return list(read_whole(self.kafka.properties, topic, PARTITIONS))


@pytest.fixture
def bench(kafka: KafkaAddress) -> Bench:
    name = f"test-{uuid4().hex[:8]}"
    names = TopicNames(f"{name}.")
    topics.create(clients.admin(kafka.properties), topics.topic_set(names, PARTITIONS))
    return Bench(kafka, names, f"{name}-score")


def _items(parent: str, count: int, size: int = 10) -> list[RawItem]:
    return [
        RawItem(
            ItemEnvelope(id=f"{parent}/{index}", source="test", kind="test", parent_id=parent, index=index),
            bytes(size),
        )
        for index in range(count)
    ]


def _eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    pause = threading.Event()
    for _ in range(int(seconds / 0.1)):
        if condition():
            return True
        pause.wait(0.1)
    return False


def test_the_end_of_a_parent_comes_after_all_its_answers(bench: Bench) -> None:
    worker = Stub()
    bench.publish(_items("a", 50), end="a")
    with bench.running(worker):
        assert _eventually(lambda: len(worker.held) == 50)
        assert bench.whole(bench.names.scores) == []
        worker.free.set()
        records = bench.scores(51)
    assert isinstance(records[-1], ParentEnded)
    assert sorted(record.index for record in records[:-1]) == list(range(50))


def test_nothing_is_committed_before_its_answer_is_there(bench: Bench) -> None:
    worker = Stub()
    bench.publish(_items("a", 20))
    with bench.running(worker):
        assert _eventually(lambda: len(worker.held) == 20)
        assert bench.committed() == 0
    assert bench.committed() == 0  # it could not be finished within the grace period: the next replica reads it again
    again = Stub()
    again.free.set()
    with bench.running(again):
        assert len(bench.scores(20)) == 20
        assert _eventually(lambda: bench.committed() == 20)


def test_a_slow_worker_bounds_what_is_in_flight_and_stays_in_its_group(bench: Bench) -> None:
    worker = Stub()
    bench.publish([item for parent in range(40) for item in _items(f"p{parent}", 25, size=1000)])
    with bench.running(worker, max_items=64) as events:
        assert _eventually(lambda: len(worker.held) >= 64)
        worker.free.set()
        assert len(bench.scores(1000)) == 1000
    assert worker.most < 64 + 200 + 1  # the budget, and the one poll that used it up
    assert "lost" not in [event for event, _ in events]


def test_a_failed_item_is_a_dead_letter_whole_and_its_parent_learns_of_it(bench: Bench) -> None:
    worker = Stub(fails=lambda item: item.envelope.index == 3)
    worker.free.set()
    bench.publish(_items("a", 5))
    with bench.running(worker):
        records = bench.scores(5)
        assert _eventually(lambda: bench.committed() == 5)
    assert [record.cause for record in records if isinstance(record, ItemFailed)] == ["corrupt"]
    (letter,) = bench.whole(bench.names.dead_letters)
    headers = dict(letter.headers() or [])
    assert letter.key() == b"a"
    assert letter.value() == bytes(10)
    assert headers["ce_index"] == b"3"
    assert headers["__connect.errors.class.name"] == b"corrupt"
    assert headers["__connect.errors.topic"] == bench.names.items.encode()


def test_a_message_that_is_no_item_stops_nothing(bench: Bench) -> None:
    producer = clients.producer(bench.kafka.properties)
    producer.produce(bench.names.items, key=b"a", value=b"?", headers=[("ce_index", b"7"), ("ce_id", b"x")])
    producer.produce(bench.names.items, value=b"nothing at all")
    producer.flush()
    producer.close()
    worker = Stub()
    worker.free.set()
    bench.publish(_items("a", 2))
    with bench.running(worker):
        records = bench.scores(3)
        assert _eventually(lambda: bench.committed() == 4)
    (failed,) = [record for record in records if isinstance(record, ItemFailed)]
    assert (failed.parent_id, failed.index, failed.cause) == ("a", 7, "bad_envelope")
    assert "ce_source" in failed.detail
    assert len(bench.whole(bench.names.dead_letters)) == 2


def test_a_producer_with_another_partitioner_is_named(bench: Bench) -> None:
    producer = clients.producer(bench.kafka.properties)
    item = _items("a", 1)[0]
    wrong = 1 - murmur2(b"a", PARTITIONS)
    producer.produce(
        bench.names.items, key=b"a", value=item.value, headers=item_headers(item.envelope), partition=wrong
    )
    producer.flush()
    producer.close()
    worker = Stub()
    worker.free.set()
    with bench.running(worker) as events:
        assert len(bench.scores(1)) == 1
    (named,) = [fields for event, fields in events if event == "misplaced"]
    assert (named["source"], named["parent"], named["partition"]) == ("test", "a", wrong)


def test_a_transactional_producers_markers_are_passed(bench: Bench) -> None:
    producer = clients.producer(bench.kafka.properties, transactional_id=bench.group)
    producer.init_transactions()
    for item in _items("a", 3):
        producer.begin_transaction()
        producer.produce(bench.names.items, key=b"a", value=item.value, headers=item_headers(item.envelope))
        producer.commit_transaction()
    producer.close()
    ends = offsets.ends(clients.admin(bench.kafka.properties), bench.names.items, range(PARTITIONS))
    worker = Stub()
    worker.free.set()
    with bench.running(worker):
        assert len(bench.scores(3)) == 3
        assert _eventually(lambda: bench.committed() == sum(ends.values()))
    assert sum(ends.values()) == 6


def test_told_to_stop_it_finishes_what_it_took_and_takes_no_more(bench: Bench) -> None:
    worker = Stub()
    bench.publish(_items("a", 300))
    with bench.running(worker, max_items=100):
        assert _eventually(lambda: len(worker.held) >= 100)
        worker.free.set()
    answered = len(bench.whole(bench.names.scores))
    assert answered >= 100
    assert bench.committed() == answered


def test_partitions_that_go_to_another_replica_are_finished_first(bench: Bench) -> None:
    first, second = Stub(), Stub()
    second.free.set()
    bench.publish([item for parent in range(20) for item in _items(f"p{parent}", 5)])
    with bench.running(first, drain_seconds=60) as events:
        assert _eventually(lambda: len(first.held) == 100)
        with bench.running(second):
            held = threading.Timer(1.0, first.free.set)  # answers while the other replica already waits for its share
            held.start()
            assert _eventually(lambda: any(event == "revoked" for event, _ in events))
            assert len(bench.scores(100)) == 100
            assert _eventually(lambda: bench.committed() == 100)
    assert len(bench.whole(bench.names.scores)) == 100


def test_told_to_stop_it_gives_back_what_it_has_not_begun(bench: Bench) -> None:
    worker = Stub(begins=10)
    bench.publish(_items("a", 100), end="a")
    with bench.running(worker, drain_seconds=60) as events:
        assert _eventually(lambda: len(worker.held) == 100)
        threading.Timer(0.5, worker.free.set).start()  # answers while the loop already drains
    assert [fields for event, fields in events if event == "drained"] == [{"unfinished": 0, "withdrawn": 91}]
    assert bench.committed() == len(bench.whole(bench.names.scores)) == 10
    again = Stub()
    again.free.set()
    with bench.running(again):
        records = bench.scores(101)
    assert sorted(record.index for record in records[:-1]) == list(range(100))
    assert isinstance(records[-1], ParentEnded)


def test_what_was_refused_is_not_refused_again_for_what_was_given_back(bench: Bench) -> None:
    """A message that is no item is answered at once, so nothing before it may be given back."""
    worker = Stub(begins=5)
    bench.publish(_items("a", 20))
    producer = clients.producer(bench.kafka.properties)
    producer.produce(bench.names.items, key=b"a", value=b"?", headers=[("ce_index", b"20"), ("ce_id", b"x")])
    producer.flush()
    producer.close()
    bench.publish(_items("a", 30)[21:])
    with bench.running(worker, drain_seconds=60) as events:
        assert _eventually(lambda: len(worker.held) == 29)
        threading.Timer(0.5, worker.free.set).start()
    assert [fields for event, fields in events if event == "drained"] == [{"unfinished": 0, "withdrawn": 9}]
    again = Stub()
    again.free.set()
    with bench.running(again):
        records = bench.scores(30)
        assert _eventually(lambda: bench.committed() == 30)
    assert sorted(record.index for record in records) == list(range(30))
    assert len(bench.whole(bench.names.dead_letters)) == 1


def test_what_is_not_begun_goes_to_another_replica_with_its_partition(bench: Bench) -> None:
    first, second = Stub(begins=0), Stub()
    second.free.set()
    bench.publish([item for parent in range(20) for item in _items(f"p{parent}", 5)])
    with bench.running(first, drain_seconds=60) as events:
        assert _eventually(lambda: len(first.held) == 100)
        with bench.running(second):
            assert _eventually(lambda: any(event == "revoked" for event, _ in events))  # it waits for no answer
            kept = len(first.held)
            assert 0 < kept < 100
            first.free.set()
            assert len(bench.scores(100)) == 100
            assert _eventually(lambda: bench.committed() == 100)
    assert len(bench.whole(bench.names.scores)) == 100
