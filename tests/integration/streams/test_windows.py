"""Every way in which a window is cut and closed, on a real Kafka. Times are the items' own, far from the clock's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from aggregation import PartitionGate
from deploy.brokers.ladder import KafkaAddress
from schemas.checkpoint import Checkpoint
from schemas.decisions import Decision
from schemas.policy import Action
from streams import clients
from tests.integration.streams.deciders import Bench, opened, wait
from tests.integration.streams.windowed import DAY, Key, assert_views_agree, committed, logged, rules
from tests.unit.aggregation.records import NOW, ended, scored, skipped

pytestmark = pytest.mark.kafka
FORGOTTEN = 10_000  # ms; the late time of all rules here

CLOSING = rules(
    quiet={"idle_ms": 1_000, "max_age_ms": 2_500, "late": {"allowed_ms": FORGOTTEN}},
    bright={
        "early": True,
        "method": {"name": "min"},
        "completeness": {"max_missing": 1.0},
        "late": {"allowed_ms": FORGOTTEN},
    },
)
quiet, bright = partial(scored, kind="quiet"), partial(scored, kind="bright")


@pytest.fixture
def bench(kafka: KafkaAddress) -> Iterator[Bench]:
    with opened(kafka.properties) as bench:
        yield bench


def _gate(partition: int, start_at: Checkpoint) -> PartitionGate:
    """Return a gate; that of partition 1 has room for a window or two."""
    return PartitionGate(partition, CLOSING, start_at, most_bytes=4_000 if partition else None)


def _causes(bench: Bench) -> dict[str, str]:
    return {f"{one.parent_id} {one.window}": one.cause for one in logged(bench).values()}


def test_every_cause_is_named(bench: Bench) -> None:
    bench.send(b"item", topic=bench.names.items)  # never answered, so that the wall clock closes nothing
    bench.send(b"item", topic=bench.names.items, partition=1)
    bench.send(
        quiet("complete", 0, 0.9, 2, NOW),
        quiet("complete", 1, 0.9, 2, NOW),
        quiet("end", 0, 0.9, at=NOW),
        ended("end", at=NOW),
        bright("early", 0, 0.1, 9, NOW),
        quiet("idle", 0, 0.9, at=NOW),
        *(quiet("max_age", index, 0.9, at=NOW + 500 * index) for index in range(6)),
    )
    bench.send(*(quiet(f"memory/{number}", 0, 0.9, at=NOW) for number in range(3)), partition=1)
    causes = {f"{name} whole": name for name in ("complete", "end", "early", "idle", "max_age")}
    with bench.running(make_gate=_gate):
        assert wait(lambda: causes.items() <= _causes(bench).items() and "memory" in _causes(bench).values())
        bench.send(quiet("later", 0, 0.9, 1, NOW + FORGOTTEN * 2))
        assert wait(lambda: "later whole" in _causes(bench))
        end = 13
        assert wait(lambda: (committed(bench) or (0,))[0] == end)  # and so the others are forgotten
        bench.send(quiet("complete", 0, 0.9, 1, NOW + FORGOTTEN * 2))
        assert wait(lambda: f"complete whole@{end}" in _causes(bench))
        bench.send(quiet("truncated", 0, 0.9, 2, NOW + FORGOTTEN * 2))
        assert wait(lambda: (committed(bench) or (0,))[0] == end + 1)
    bench.send(quiet("truncated", 1, 0.9, 2, NOW + FORGOTTEN * 2))
    bench.delete_scores(before=end + 2)
    bench.send(ended("truncated", at=NOW + FORGOTTEN * 2))
    with bench.running(make_gate=_gate, instance="decide-1"):
        assert wait(lambda: "truncated whole" in _causes(bench))
    found = _causes(bench)
    for parent, cause in causes.items():
        assert found[parent] == cause
    assert found[f"complete whole@{end}"] == "reopened"
    assert found["truncated whole"] == "truncated"
    assert_views_agree(bench)
    for one in logged(bench).values():
        if one.cause in {"memory", "reopened", "truncated"}:
            assert (one.action, one.cause in one.reasons) == (Action.REVIEW, True)
    early = logged(bench)["early", "whole", 0]
    assert early.bounds is not None
    assert (early.action, early.bounds.lower, early.bounds.upper, early.counts.remaining) == (
        Action.REJECT,
        0.0,
        0.1,
        8,
    )


def test_conflicts_have_their_reasons(bench: Bench) -> None:
    bench.send(
        scored("counts", 0, 0.9, 2),
        scored("counts", 1, 0.9, 3),
        scored("counts", 2, 0.9, 2),
        scored("index", 7, 0.9, 2),
        scored("index", 0, 0.9, 2),
        scored("good", 0, 0.9, 1),
    )
    with bench.running():
        assert bench.decided("counts", "index", "good")
    found = bench.decisions()
    assert found["counts"].reasons == ("conflicting_counts",)
    assert (found["counts"].cause, found["counts"].counts.expected) == ("complete", 3)
    assert found["index"].reasons == ("index_beyond_count",)
    assert [found[parent].action for parent in ("counts", "index", "good")] == [
        Action.REVIEW,
        Action.REVIEW,
        Action.ACCEPT,
    ]


CUT = rules(
    frames={"window": {"by": "index", "size": 3}, "idle_ms": 5_000},
    tumbling={"window": {"by": "time", "length_ms": 1_000}, "idle_ms": 5_000},
    sliding={"window": {"by": "time", "length_ms": 1_000, "hop_ms": 500}, "idle_ms": 5_000},
)
START = NOW // 1_000 * 1_000
ITEMS = [0, 400, 900, 1_000, 1_700, 2_600]  # ms after START at which each parent has one
WANTED = {("frames", f"index/{first}-{first + 2}"): indices for first, indices in ((0, {0, 1, 2}), (3, {3, 4, 5}))} | {
    (kind, f"time/{START + start}-{START + start + 1_000}"): indices
    for kind, spans in {
        "tumbling": {0: {0, 1, 2}, 1_000: {3, 4}, 2_000: {5}},
        "sliding": {-500: {0, 1}, 0: {0, 1, 2}, 500: {2, 3}, 1_000: {3, 4}, 1_500: {4}, 2_000: {5}, 2_500: {5}},
    }.items()
    for start, indices in spans.items()
}


def _camera(kind: str, index: int, at: int, *, ahead: int = 0) -> bytes:
    parent, time = f"{kind}+{ahead}" if ahead else kind, START + at
    return scored(parent, index, 0.5 + index / 10, at=time, kind=kind, item_time=time + ahead)


def _sent(bench: Bench, indices: range) -> None:
    """Send some of the items of three cameras, out of order and twice, and of one whose clock is a day ahead."""
    for index in reversed(indices):
        for kind in ("frames", "tumbling", "sliding"):
            bench.send(*[_camera(kind, index, ITEMS[index])] * 2)
        bench.send(_camera("tumbling", index, ITEMS[index], ahead=DAY))


@pytest.mark.parametrize("successor", ["another", "itself"])
def test_each_window_is_decided_once_with_its_items_through_the_loss_of_a_decider(bench: Bench, successor: str) -> None:
    bench.send(b"item", topic=bench.names.items)
    whole = len(WANTED) + 3  # of the camera with the wrong clock there are as many spans
    with bench.running(CUT) as first:
        _sent(bench, range(3))
        assert wait(lambda: ("frames", "index/0-2", 0) in logged(bench))
        if successor == "itself":  # it is fenced, and starts over from the topics
            with clients.producer(bench.properties, transactional_id=f"{bench.group}-decide-0") as fencing:
                fencing.init_transactions(30)
        _sent(bench, range(3, 6))
        if successor == "itself":
            assert wait(lambda: ("frames", "index/3-5", 0) in logged(bench))
            assert first.told("recovering")
            bench.send(skipped("other", 0, 2, START + 20_000))
            assert wait(lambda: len(logged(bench)) == whole)
    if successor == "another":
        bench.send(skipped("other", 0, 2, START + 20_000))
        with bench.running(CUT, instance="decide-1"):
            assert wait(lambda: len(logged(bench)) == whole)
    found = logged(bench)
    assert {_named(key): one.counts.scored for key, one in found.items() if "+" not in key[0]} == {
        key: len(indices) for key, indices in WANTED.items()
    }
    for key, one in found.items():
        if key[0] != f"tumbling+{DAY}":
            assert _items(one) == WANTED[_named(key)]  # of so few all are named
    days = sorted(key[1] for key in found if key[0] == f"tumbling+{DAY}")
    assert days == [f"time/{START + DAY + at}-{START + DAY + at + 1_000}" for at in (0, 1_000, 2_000)]
    assert {one.cause for one in found.values()} == {"complete", "idle"}


def _named(key: Key) -> tuple[str, str]:
    return key[0], key[1]


def _items(one: Decision) -> set[int]:
    """Return the indices of the items that a decision names."""
    return {worst.index for worst in one.worst}
