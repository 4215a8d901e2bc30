"""Items that come after their window was decided: counted only, or answered by a revision and a retraction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from aggregation import PartitionGate
from deploy.brokers.ladder import KafkaAddress
from schemas.checkpoint import Checkpoint
from schemas.policy import Action
from streams import transaction
from streams.gates import DecideSettings
from streams.logstart import LogStart
from tests.integration.streams.deciders import PARTITIONS, Bench, Running, opened, wait
from tests.integration.streams.windowed import assert_views_agree, committed, logged, retracted, rules
from tests.unit.aggregation.records import NOW, scored

pytestmark = pytest.mark.kafka
LATE = 10_000  # ms
POLICY = rules(
    counted={"late": {"rule": "count", "allowed_ms": LATE}},
    revised={"late": {"rule": "revise", "allowed_ms": LATE}, "method": {"name": "min"}},
    frames={"late": {"rule": "revise", "allowed_ms": LATE}, "window": {"by": "index", "size": 2}},
)
counted, revised, frame = (partial(scored, kind=kind) for kind in ("counted", "revised", "frames"))


@pytest.fixture
def bench(kafka: KafkaAddress) -> Iterator[Bench]:
    with opened(kafka.properties) as bench:
        yield bench


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, Any]]]:
    """Return the list that the records of each transaction are added to."""
    seen: list[list[dict[str, Any]]] = []
    produce = transaction._produce

    def noting(producer: Any, outgoing: Any) -> None:
        seen.append([json.loads(one["value"]) for messages in outgoing.by_place.values() for one in messages])
        produce(producer, outgoing)

    monkeypatch.setattr(transaction, "_produce", noting)
    return seen


def _revisions(bench: Bench, parent: str) -> list[tuple[int, str, int]]:
    """Return the revisions of a parent's windows: number, action, and how many items were late."""
    found = [one for one in logged(bench).values() if one.parent_id == parent]
    return [(one.revision, one.action.value, one.counts.late) for one in found]


def test_late_items_are_counted_or_revise_and_what_no_longer_holds_is_withdrawn(
    bench: Bench, transactions: list[list[dict[str, Any]]]
) -> None:
    bench.send(b"item", topic=bench.names.items)  # never answered, so that the wall clock closes nothing
    first = [frame("f", 0, 0.9, at=NOW), frame("f", 1, 0.9, at=NOW), frame("f", 2, 0.9, 3, NOW)]
    bench.send(counted("c", 0, 0.9, 1, NOW), revised("r", 0, 0.9, 1, NOW), *first)
    with bench.running(POLICY):
        assert wait(lambda: len(logged(bench)) == 4)
        bench.send(counted("c", 0, 0.1, 1, NOW + 1))  # too late, and no more than counted
        bench.send(revised("r", 1, 0.8, 2, NOW + 1))  # the count was wrong: no action can stand on it
        bench.send(frame("f", 1, 0.1, 3, NOW + 1), frame("f", 2, 0.8, 3, NOW + 1))
        assert wait(lambda: len(logged(bench)) == 7)
    with bench.running(POLICY, instance="decide-1"):  # all it knows of them it reads from the topics
        bench.send(revised("r", 1, 0.1, 2, NOW + 2), revised("r", 0, 0.95, 2, NOW + 2), frame("f", 0, 0.0, 3, NOW + 2))
        bench.send(revised("r", 0, 0.0, 2, NOW + LATE * 2), revised("end", 0, 0.9, 1, NOW + LATE * 2))
        assert wait(lambda: ("end", "whole", 0) in logged(bench))
    assert _revisions(bench, "c") == [(0, "accept", 0)]
    assert _revisions(bench, "r") == [(0, "accept", 0), (1, "review", 1), (2, "review", 1)]
    assert sorted(_revisions(bench, "f")) == [
        (0, "accept", 0),
        (0, "accept", 0),
        (1, "accept", 0),
        (1, "accept", 0),
        (2, "reject", 0),
    ]
    assert_views_agree(bench)
    assert {action: len(found) for action, found in retracted(bench).items()} == {
        Action.ACCEPT: 2,
        Action.REVIEW: 0,
        Action.REJECT: 0,
    }
    _assert_together(transactions)


def _assert_together(transactions: list[list[dict[str, Any]]]) -> None:
    """Hold that each retraction was sent with the revision that replaces what it withdraws."""
    together = [
        any(other["type"] == "Decision" and other["id"] == one["replaced_by"] for other in sent)
        for sent in transactions
        for one in sent
        if one["type"] == "Retraction"
    ]
    assert together == [True, True]


REMEMBERED = 5_000  # ms
SHORT = rules(counted={"late": {"allowed_ms": 1}}, revised={"late": {"rule": "revise", "allowed_ms": 5}})


def _forgetful(partition: int, start_at: Checkpoint) -> PartitionGate:
    return PartitionGate(partition, SHORT, start_at, remember_ms=REMEMBERED)


def _looks_often(bench: Bench, decider: Running) -> None:
    settings = DecideSettings(bench.names, PARTITIONS, bench.group, bench.score_group, "none", REMEMBERED)
    decider.loop._log_start = LogStart(bench.properties, settings, every=0.1)


def _decisions_from(bench: Bench) -> int:
    found = committed(bench)
    return -1 if found is None else found[1].decisions_from


def test_recovery_reads_no_more_decisions_than_it_needs(bench: Bench) -> None:
    bench.send(b"item", topic=bench.names.items)
    bench.send(*(counted(f"old/{number}", 0, 0.9, 1, NOW) for number in range(3)))
    with bench.running(make_gate=_forgetful) as decider:
        _looks_often(bench, decider)
        assert wait(lambda: len(logged(bench)) == 3)
        old = bench.whole(bench.names.decisions)
        at = old[-1].at + decider.loop._log_start._needed_ms  # when what was appended so far is needed no more
        bench.send(revised("kept", 0, 0.9, 1, at), counted("new", 0, 0.9, 1, at + 2))
        assert wait(lambda: len(logged(bench)) == 5)
        looked = decider.loop._log_start._looked
        assert wait(lambda: decider.loop._log_start._looked > looked)
        bench.send(counted("also new", 0, 0.9, 1, at + 2))
        assert wait(lambda: len(logged(bench)) == 6)
        assert _decisions_from(bench) == 0  # a late item may revise a window that began when they were young
        bench.send(counted("open", 0, 0.9, 2, at + 6), counted("newer", 0, 0.9, 1, at + 6))
        assert wait(lambda: _moved(bench, at + 6))
    entries = bench.whole(bench.names.decisions)
    assert old[-1].offset < _decisions_from(bench) <= entries[len(old)].offset
    with bench.running(make_gate=_forgetful, instance="decide-1"):
        bench.send(counted("newer", 0, 0.1, 1, at + 6), counted("open", 1, 0.9, 2, at + 6))
        assert wait(lambda: ("open", "whole", 0) in logged(bench))
    assert _revisions(bench, "newer") == [(0, "accept", 0)]
    assert_views_agree(bench)


def _moved(bench: Bench, at: int) -> bool:
    """Send something, with whose decision the place is committed, and return whether it has moved."""
    parent = f"more/{len(logged(bench))}"
    bench.send(counted(parent, 0, 0.9, 1, at))
    assert wait(lambda: (parent, "whole", 0) in logged(bench))
    return _decisions_from(bench) > 0
