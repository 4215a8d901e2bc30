"""A loop whose worker is not to be trusted any more leaves its group, and comes back when it is."""

from __future__ import annotations

import threading

import pytest

from streams.atleastonce import ScoreLoop
from streams.work import ScoreSettings
from tests.integration.streams.test_atleastonce import PARTITIONS, Bench, Stub, _eventually, _items, bench

__all__ = ["bench"]
pytestmark = pytest.mark.kafka


def test_what_an_untrusted_worker_has_is_answered_once_by_another_and_later_by_itself(bench: Bench) -> None:
    halted, told, stop = [""], list[str](), threading.Event()
    worker = Stub()
    loop = ScoreLoop(
        bench.kafka.properties,
        ScoreSettings(bench.names, PARTITIONS, bench.group, drain_seconds=5),
        worker,
        lambda event, **_: told.append(event),
        lambda: halted[0],
    )
    thread = threading.Thread(target=loop.run, args=(stop.is_set,))
    thread.start()
    try:
        bench.publish(_items("a", 20), end="a")
        assert _eventually(lambda: len(worker.held) == 20)
        halted[0] = "its canaries fail"
        assert _eventually(lambda: "revoked" in told)
        assert told.index("stepped_back") < told.index("revoked")
        assert loop.standing.halted == "its canaries fail"
        assert not loop.standing.joined
        assert loop.flow.items == 0
        assert bench.whole(bench.names.scores) == []
        assert bench.committed() == 0
        other = Stub()
        other.free.set()
        with bench.running(other):
            assert len(bench.scores(21)) == 21
            assert _eventually(lambda: bench.committed() == 21)
        halted[0] = ""
        worker.free.set()  # what it answers now of what it had is nobody's any more
        assert _eventually(lambda: loop.standing.joined)
        bench.publish(_items("b", 5))
        assert len(bench.scores(26)) == 26
    finally:
        stop.set()
        thread.join()
    assert len(bench.whole(bench.names.scores)) == 26


def test_a_worker_that_is_not_trusted_from_the_start_takes_nothing(bench: Bench) -> None:
    halted, stop = ["its canaries fail"], threading.Event()
    worker = Stub()
    worker.free.set()
    loop = ScoreLoop(
        bench.kafka.properties,
        ScoreSettings(bench.names, PARTITIONS, bench.group, drain_seconds=5),
        worker,
        lambda *_, **__: None,
        lambda: halted[0],
    )
    thread = threading.Thread(target=loop.run, args=(stop.is_set,))
    thread.start()
    try:
        bench.publish(_items("a", 3))
        assert _eventually(lambda: loop.standing.turned_at > 0)
        assert not loop.standing.joined
        halted[0] = ""
        assert len(bench.scores(3)) == 3
    finally:
        stop.set()
        thread.join()
