from __future__ import annotations

import random
from dataclasses import dataclass

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aggregation import PartitionGate, Verdict
from schemas.checkpoint import Checkpoint
from schemas.policy import Action, Policy, Rule
from schemas.scores import PolicyActivated
from tests.unit.aggregation.records import NOW, decisions, ended, failed, fed, fields, only, policy, scored, taken

IDLE, AGE = 1_000, 5_000
timed = Policy(
    name="timed",
    rules=[Rule(idle_ms=IDLE, max_age_ms=AGE), Rule(kind="mri-slice", idle_ms=3 * IDLE, max_age_ms=AGE)],
)


def some_log(draw: random.Random) -> list[bytes]:
    """Return a partition's records: a few parents, duplicates, ends, gaps in time, append times out of order."""
    at, records = NOW, []
    for _ in range(draw.randint(1, 60)):
        at += draw.choice([0, 1, 50, 400, 1_100, 2_500])
        parent = f"p{draw.randint(0, 5)}"
        when = max(0, at - draw.choice([0, 0, 0, 300, 5_000]))
        kind = draw.choice(["scored", "scored", "scored", "failed", "ended"])
        count = draw.choice([None, 3, 3, 4])
        index = draw.randint(0, 3)
        if kind == "ended":
            records.append(ended(parent, count, when))
        elif kind == "failed":
            records.append(failed(parent, index, count, when))
        else:
            score = draw.choice([0.1, 0.3, 0.5, 0.9])
            records.append(scored(parent, index, score, count, when, kind="mri-slice" if parent == "p0" else "x"))
    return records


logs = st.integers(0, 2**32).map(lambda seed: some_log(random.Random(seed)))


def _facts(verdict: Verdict) -> tuple[object, ...]:
    """Return what must not depend on who decided when. Of the rest, `decided_at` is the only thing that may differ."""
    record = fields(verdict)
    record["timings"].pop("decided_at")
    return verdict.key, verdict.action, verdict.first_offset, repr(sorted(record.items()))


@given(log=logs, cut=st.integers(0, 60), kept=st.integers(0, 60))
def test_a_successor_makes_the_decisions_that_were_not_committed(log: list[bytes], cut: int, kept: int) -> None:
    """The owner dies at `cut`; of its decisions the first `kept` were committed, with the checkpoint after them."""
    whole = [_facts(verdict) for verdict in taken(fed(log, timed))]
    first = fed(log[:cut], timed)
    committed = first.take(kept)
    checkpoint = first.checkpoint()
    second = PartitionGate(0, timed, checkpoint)
    for verdict in committed:
        second.recall(verdict.value)
    second.apply(list(enumerate(log))[checkpoint.low_watermark :], NOW)
    after = [_facts(verdict) for verdict in taken(second)]
    assert [_facts(verdict) for verdict in committed] + after == whole


@given(log=logs, cuts=st.lists(st.integers(0, 60), max_size=4).map(sorted), draw=st.randoms(use_true_random=False))
def test_many_owners_decide_what_one_does(log: list[bytes], cuts: list[int], draw: random.Random) -> None:
    """Every owner commits some of its decisions and loses the others; the next one begins at the checkpoint."""
    whole = {_facts(verdict) for verdict in taken(fed(log, timed))}
    topic: list[Verdict] = []
    checkpoint = Checkpoint(0, 0, 0)
    for upto in [*cuts, len(log)]:
        gate = PartitionGate(0, timed, checkpoint)
        for verdict in topic:
            gate.recall(verdict.value)
        gate.apply(list(enumerate(log[:upto]))[checkpoint.low_watermark :], NOW)
        topic += gate.take(gate.ready if upto == len(log) else draw.randint(0, gate.ready))
        checkpoint = gate.checkpoint()
    assert len(topic) == len(whole)
    assert {_facts(verdict) for verdict in topic} == whole


@dataclass
class _Committed:
    """What the topics keep of a partition, through all of its owners."""

    decisions: list[Verdict]
    checkpoint: Checkpoint


@given(log=logs, steps=st.lists(st.sampled_from(["read", "close", "commit", "die"]), max_size=40))
def test_closings_by_the_wall_clock_decide_no_parent_twice(log: list[bytes], steps: list[str]) -> None:
    """Owners also close windows before the partition's own time reaches them, and die with that uncommitted."""
    kept = _Committed([], Checkpoint(0, 0, 0))
    gate = _successor(kept)
    for step in [*steps, *["read"] * len(log), "commit"]:
        if step == "read" and gate.position < len(log):
            gate.apply([(gate.position, log[gate.position])], NOW)
        elif step == "close" and (due := gate.next_deadline()) is not None:
            gate.close_due(due, NOW)
        elif step == "commit":
            kept = _Committed(kept.decisions + taken(gate), gate.checkpoint())
        elif step == "die":
            gate = _successor(kept)
    gate.close_due(2**62, NOW)
    parents = [verdict.key for verdict in kept.decisions + taken(gate)]
    assert len(parents) == len(set(parents))
    assert set(parents) == {msgspec.json.decode(record)["parent_id"].encode() for record in log}


def _successor(kept: _Committed) -> PartitionGate:
    gate = PartitionGate(0, timed, kept.checkpoint)
    for verdict in kept.decisions:
        gate.recall(verdict.value)
    return gate


def test_each_parent_is_decided_apart() -> None:
    gate = fed([scored("a", 0, 0.9, 2), scored("b", 0, 0.1, 1), scored("a", 1, 0.9, 2)])
    assert [(one.parent_id, one.action, one.cause) for one in decisions(gate)] == [
        ("b", Action.REJECT, "complete"),
        ("a", Action.ACCEPT, "complete"),
    ]


def test_an_answer_after_the_decision_is_late_and_changes_nothing() -> None:
    gate = fed([scored("p", 0, 0.9, 1), scored("p", 0, 0.1, 1), ended("p")])
    assert len(taken(gate)) == 1
    assert gate.tally.late == 1


def test_an_end_without_items_is_decided_too() -> None:
    decision = only(fed([ended("p", 3)]))
    assert (decision.cause, decision.action, decision.counts.missing) == ("end", Action.REVIEW, 3)


def test_quiet_parents_are_closed_by_the_time_of_the_stream() -> None:
    gate = fed([scored("p", 0, 0.9, at=NOW), scored("q", 0, 0.9, at=NOW + IDLE)], timed)
    decision = only(gate)
    assert (decision.parent_id, decision.cause, decision.through_offset) == ("p", "idle", 1)
    assert gate.open_windows == 1


def test_a_parent_that_never_rests_is_closed_by_its_age() -> None:
    records = [scored("p", index, 0.9, at=NOW + index * IDLE // 2) for index in range(11)]
    assert only(fed(records, timed)).cause == "max_age"


def test_no_clock_of_a_producer_closes_anything() -> None:
    """A date in the future is in no field that a gate looks at."""
    gate = fed([scored("p", 0, 0.9, at=NOW), scored("q", 0, 0.9, at=NOW, item_time=NOW * 100)], timed)
    assert gate.ready == 0
    assert gate.stream_time == NOW


def test_evidence_lets_the_wall_clock_close() -> None:
    gate = fed([scored("p", 0, 0.9, at=NOW)], timed)
    due = gate.next_deadline()
    assert due == NOW + IDLE
    gate.close_due(due - 1, NOW)
    assert gate.ready == 0
    gate.close_due(due, NOW)
    assert only(gate).cause == "idle"
    assert gate.next_deadline() is None


def test_the_watermark_waits_for_open_windows_and_for_decisions_that_were_not_taken() -> None:
    gate = fed([scored("a", 0, 0.9, 2), scored("b", 0, 0.9, 1), scored("c", 0, 0.9, 1), scored("a", 1, 0.9, 2)])
    assert gate.checkpoint().low_watermark == 0
    assert len(gate.take(2)) == 2
    assert gate.checkpoint() == Checkpoint(0, 4, 0)
    taken(gate)
    assert gate.checkpoint() == Checkpoint(4, 4, 0)


def test_what_opens_in_a_truncated_range_goes_to_review() -> None:
    resume = Checkpoint(low_watermark=5, position=5, stream_time=0, truncated_below=6)
    gate = fed([scored("p", 0, 0.9, 1), scored("q", 0, 0.9, 1)], resume=resume, start=5)
    first, second = decisions(gate)
    assert (first.cause, first.action, first.reasons) == ("truncated", Action.REVIEW, ("truncated",))
    assert (second.cause, second.action) == ("complete", Action.ACCEPT)


def test_an_unreadable_record_is_reported_once() -> None:
    gate = PartitionGate(0, policy())
    problems = gate.apply([(0, b'{"type":"ItemScored"}')], NOW)
    assert [problem.offset for problem in problems] == [0]
    assert "parent_id" in problems[0].detail
    assert gate.position == 1
    again = PartitionGate(0, policy(), Checkpoint(low_watermark=0, position=1, stream_time=0))
    assert again.apply([(0, b'{"type":"ItemScored"}')], NOW) == []
    assert (gate.tally.unreadable, again.tally.unreadable) == (1, 0)


def test_a_record_that_was_applied_before_is_passed_over() -> None:
    gate = fed([scored("p", 0, 0.9, 2)])
    gate.apply([(0, scored("p", 1, 0.9, 2))], NOW)
    assert (gate.ready, gate.position) == (0, 1)


def test_a_marker_of_an_unknown_policy_is_reported_and_changes_nothing() -> None:
    marker = PolicyActivated(name="p", version=2, digest="0" * 64).to_json()
    gate = PartitionGate(0, policy())
    assert [problem.detail for problem in gate.apply([(0, marker)], NOW)] == ["policy p@2 is not to be found"]
    assert (gate.position, gate.ready, gate.stream_time) == (1, 0, 0)
