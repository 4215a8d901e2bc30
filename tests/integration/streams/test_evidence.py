"""Nothing is closed by the wall clock while an answer may be on its way: workers that died or pause, brokers that stop.

The workers are the at-least-once loop that `sluice score` runs, with a stub in the place of the encoder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from aggregation import PartitionGate
from deploy.brokers.kafka import local_kafka
from deploy.brokers.ladder import KafkaAddress
from schemas.items import ItemEnvelope, RawItem
from streams import groupoffsets, offsets
from streams.atleastonce import ScoreLoop
from streams.publisher import Publisher
from streams.work import Answer, ScoreSettings, Ticket
from tests.integration.streams.deciders import PARTITIONS, Bench, Running, opened, wait
from tests.integration.streams.test_atleastonce import Stub
from tests.integration.streams.windowed import assert_views_agree, logged, rules

pytestmark = pytest.mark.kafka
IDLE = 300  # ms
WINDOWS = rules(
    whole={"idle_ms": IDLE},
    aged={"idle_ms": 60_000, "max_age_ms": IDLE},
    frames={"idle_ms": IDLE, "window": {"by": "index", "size": 4}},
    spans={"idle_ms": IDLE, "window": {"by": "time", "length_ms": 10_000_000_000_000}},
)
KINDS = ("whole", "aged", "frames", "spans")
LOOKS = 3


@pytest.fixture
def bench(kafka: KafkaAddress) -> Iterator[Bench]:
    with opened(kafka.properties) as bench:
        yield bench


@contextlib.contextmanager
def _worker(bench: Bench, stub: Stub) -> Iterator[None]:
    """Run a worker that answers once its stub is free; what it was not free for stays unanswered."""
    stop = threading.Event()
    settings = ScoreSettings(bench.names, PARTITIONS, bench.score_group, drain_seconds=0)
    loop = ScoreLoop({**bench.properties, "session.timeout.ms": 6_000}, settings, stub, lambda *_, **__: None)
    thread = threading.Thread(target=loop.run, args=(stop.is_set,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Reluctant(Stub):
    """A worker that answers the first item of each parent, and the others once it is free."""

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        done = [one for one in self.held if self.free.is_set() or one[1].envelope.index == 0]
        self.held = [one for one in self.held if one not in done]
        return [(ticket, self._answer(ticket, item)) for ticket, item in done]


def _publish(bench: Bench) -> None:
    """Publish two items of a parent of each kind. Nobody knows how many there will be."""
    publisher = Publisher(bench.properties, bench.names.items)
    for index in range(2):
        for kind in KINDS:
            envelope = ItemEnvelope(id=f"{kind}/{index}", source="s", kind=kind, parent_id=kind, index=index)
            publisher.item(RawItem(envelope, b"item"))
    publisher.flush()
    publisher.close()


def _half_answered(decider: Running) -> bool:
    return sum(gate.open_windows for gate in _gates(decider)) == len(KINDS)


def _gates(decider: Running) -> list[PartitionGate]:
    gates = [one.gate for one in list(decider.loop._ownership.owned.values())]
    return [gate for gate in gates if isinstance(gate, PartitionGate)]


def _has_looked(decider: Running, times: int) -> Callable[[], bool]:
    """Return whether the decider has looked for evidence so often, from now on."""
    seen: set[float] = set()

    def looked() -> bool:
        seen.add(decider.loop._evidence._looked)
        return len(seen) > times

    return looked


@pytest.mark.parametrize("worker", ["dead", "paused"])
def test_a_worker_that_is_away_closes_nothing_and_when_it_is_back_all_items_count(bench: Bench, worker: str) -> None:
    first = Reluctant()
    _publish(bench)
    with bench.running(WINDOWS) as decider:
        with _worker(bench, first):
            assert wait(lambda: _half_answered(decider))
            if worker == "paused":
                _nothing_is_closed(bench, decider)
                first.free.set()
                assert wait(lambda: len(logged(bench)) == len(KINDS))
        if worker == "dead":
            _nothing_is_closed(bench, decider)
            second = Reluctant()
            second.free.set()
            with _worker(bench, second):
                assert wait(lambda: len(logged(bench)) == len(KINDS))
    assert {one.parent_id: (one.cause, one.counts.scored) for one in logged(bench).values()} == {
        kind: ("max_age" if kind == "aged" else "idle", 2) for kind in KINDS
    }
    assert_views_agree(bench)


def _nothing_is_closed(bench: Bench, decider: Running) -> None:
    """Hold it for longer than all windows may be open."""
    assert wait(lambda: decider.loop._evidence.waiting != [])
    assert wait(_has_looked(decider, LOOKS))
    assert logged(bench) == {}
    assert _half_answered(decider)


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A broker of this module's own, by process id and address: it is stopped, and nobody else may notice."""
    with local_kafka(tmp_path_factory.mktemp("stopped")) as node:
        yield node.pid, node.bootstrap


@contextlib.contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_broker_that_stands_still_closes_nothing(
    own_broker: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (offsets, groupoffsets):
        monkeypatch.setattr(module, "_TIMEOUT", 0.5)  # s; how long the decider waits for what it asks
    pid, address = own_broker
    worker = Reluctant()
    with opened({"bootstrap.servers": address}) as bench, bench.running(WINDOWS) as decider, _worker(bench, worker):
        _publish(bench)
        assert wait(lambda: _half_answered(decider))
        _nothing_is_closed(bench, decider)
        with _stopped(pid):  # while nothing is being committed, but evidence is looked for
            worker.free.set()  # it has its answers, and cannot send them
            assert wait(_has_looked(decider, LOOKS))
            assert all(gate.ready == 0 for gate in _gates(decider))
        assert wait(lambda: len(logged(bench)) == len(KINDS))
    assert {one.counts.scored for one in logged(bench).values()} == {2}
    assert_views_agree(bench)
