"""A partition through the gate of a replay: by its records alone, whatever the chunks, beside a live log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aggregation import PartitionGate
from deploy.replay.deciding import Choice, Deciding
from deploy.replay.live import LiveLog
from deploy.replay.ranges import holds, overlap
from schemas.checkpoint import Checkpoint
from schemas.decisions import Decision
from schemas.policy import Policy
from streams.replaying import Chunk
from tests.unit.aggregation.records import ended, policy, scored, skipped

Records = Sequence[tuple[int, bytes | None]]
IDLE = 60_000


def _chunks(records: Records, size: int) -> list[Chunk]:
    first, end = records[0][0], records[-1][0] + 1
    return [
        Chunk(begin, min(begin + size, end), [one for one in records if begin <= one[0] < begin + size])
        for begin in range(first, end, size)
    ]


def _decided(
    records: Records,
    under: Policy,
    live: Sequence[bytes] = (),
    *,
    size: int = 3,
    to_ms: int = 10**9,
    sources: frozenset[str] = frozenset(),
) -> tuple[list[dict[str, Any]], Deciding, LiveLog]:
    span = records[0][0], records[-1][0] + 1
    gate = PartitionGate(0, under, Checkpoint(span[0], span[0], 0), find_policy=lambda *_: under)
    log = LiveLog(span, under, lambda source: not sources or source in sources)
    log.learn(live, gate.recall)
    gate.stream_time = log.stream_time
    deciding = Deciding(gate, log, Choice(sources, 0.01, to_ms), 0)
    rows = [row for batch in deciding.rows(_chunks(records, size)) for row in batch]
    return rows, deciding, log


def _live(records: Records, under: Policy, *, idle_at: tuple[int, int] | None = None) -> list[bytes]:
    """Return what a decider writes; `idle_at`: after so many records the wall clock stands at a time (ms)."""
    gate = PartitionGate(0, under)
    if idle_at is None:
        gate.apply(records, 5)
    else:
        gate.apply(records[: idle_at[0]], 5)
        gate.close_due(idle_at[1], 5)
        gate.apply(records[idle_at[0] :], 5)
    return [verdict.value for verdict in gate.take(1_000)]


def _actions(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["parent_id"]: row["action"] for row in rows}


items = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 4), st.floats(0, 1), st.integers(0, 200_000)),
    min_size=1,
    max_size=40,
)


@given(items, st.integers(1, 50), st.integers(1, 50))
def test_the_same_records_give_the_same_bytes_whatever_the_chunks(
    drawn: list[tuple[str, int, float, int]], size: int, other: int
) -> None:
    records = [(7 + place, scored(one[0], one[1], one[2], 5, at=one[3])) for place, one in enumerate(drawn)]
    rows, deciding, _ = _decided(records, policy(), size=size)
    assert rows == _decided(records, policy(), size=other)[0]
    for row in rows:
        decision = Decision.model_validate_json(row["decision"])
        assert decision.timings.decided_at == decision.timings.closed_at
    assert deciding.tallies.counts["records"] == len(records)


@given(items)
def test_without_a_change_the_decisions_are_those_of_the_live_run(drawn: list[tuple[str, int, float, int]]) -> None:
    records = [(place, scored(one[0], one[1], one[2], 5, at=one[3])) for place, one in enumerate(drawn)]
    live = _live(records, policy())
    rows, deciding, _ = _decided(records, policy(), live, to_ms=0)
    for made, written in zip(rows, live, strict=True):
        assert _timeless(json.loads(made["decision"])) == _timeless(json.loads(written))
    assert deciding.tallies.counts["not_live"] == 0
    assert not deciding.tallies.by_clock


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    del record["timings"]["decided_at"]
    return record


def test_what_began_before_the_span_is_left_out() -> None:
    records = [
        (0, scored("early", 0, 0.9, 2)),
        (1, scored("cut", 0, 0.9, 2)),
        (2, scored("early", 1, 0.9, 2)),
        (3, scored("inside", 0, 0.9, 2)),
        (4, scored("cut", 1, 0.9, 2)),
        (5, scored("inside", 1, 0.9, 2)),
        (6, scored("early", 1, 0.1, 2)),  # late
    ]
    rows, deciding, log = _decided(records[3:], policy(), _live(records, policy()))
    assert _actions(rows) == {"inside": "accept"}
    assert log.left_out == {"cut"}
    assert deciding.tallies.counts["open"] == 0


def test_windows_cut_otherwise_than_live_are_left_out_where_items_lie_before_the_span() -> None:
    halves = policy(window={"by": "index", "size": 2})
    threes = policy(window={"by": "index", "size": 3})
    records = [(index, scored("camera", index, 0.9)) for index in range(9)] + [(9, ended("camera", 9))]
    live = _live(records, halves)
    rows, _, log = _decided(records[4:], threes, live)
    assert [row["window"] for row in rows] == ["index/6-8"]
    assert log.left_out == {"camera"}


def test_windows_that_the_wall_clock_closed_are_named() -> None:
    records = [
        (0, scored("slow", 0, 0.9, 2, at=1_000)),
        (1, scored("stream", 0, 0.9, 2, at=2_000)),
        (2, scored("other", 0, 0.9, 1, at=2_000 + IDLE)),  # by now both are idle
        (3, scored("slow", 1, 0.1, 2, at=3_000 + IDLE)),
    ]
    live = _live(records, policy(), idle_at=(1, 1_000 + IDLE))
    rows, deciding, _ = _decided(records, policy(), live)
    assert deciding.tallies.by_clock == {("slow", "whole")}
    assert {row["parent_id"] for row in rows} == {"slow", "stream", "other"}


def test_windows_that_are_due_at_the_end_are_closed_and_others_counted_as_open() -> None:
    records = [(0, scored("due", 0, 0.9, 2, at=1_000)), (1, scored("open", 0, 0.9, 2, at=50_000))]
    rows, deciding, _ = _decided(records, policy(), to_ms=1_000 + IDLE)
    assert [(row["parent_id"], row["cause"]) for row in rows] == [("due", "idle")]
    assert deciding.tallies.counts["open"] == 1


def test_scores_near_a_threshold_are_counted_and_other_sources_left_aside() -> None:
    records = [
        (0, scored("near", 0, 0.695, 1)),
        (1, scored("far", 0, 0.9, 1)),
        (2, scored("other", 0, 0.7, 1, source="camera-2")),
    ]
    rows, deciding, _ = _decided(records, policy(), sources=frozenset({"camera-1"}))
    assert [(row["parent_id"], row["near"]) for row in rows] == [("near", True), ("far", False)]
    assert (deciding.tallies.counts["near"], deciding.tallies.counts["decisions"]) == (1, 2)


def test_a_pinned_policy_decides_also_after_markers() -> None:
    marker = b'{"type":"PolicyActivated","name":"night","version":3,"digest":"' + b"0" * 64 + b'"}'
    strict = policy(thresholds={"high": 0.99, "medium": 0.98, "low": 0.97}, uncalibrated_may_reject=True)
    records: Records = [(0, marker), (1, scored("a", 0, 0.9, 1)), (2, b"{nonsense")]
    rows, deciding, _ = _decided(records, strict)
    assert _actions(rows) == {"a": "reject"}
    assert json.loads(rows[0]["decision"])["policy"]["name"] == "test"
    assert deciding.tallies.counts["unreadable"] == 1


def test_other_rules_about_items_than_were_in_force_are_found() -> None:
    short = {"name": "short", "when": {"check": "length", "min": 3}, "then": "zero"}
    records = [(0, scored("a", 0, 0.9, 1))]
    live = _live(records, policy(items=[short]))
    assert _decided(records, policy(items=[short]), live)[2].other_rules == set()
    assert _decided(records, policy(), live)[2].other_rules == {("video-frame", "camera-1")}


def test_an_item_that_is_gone_marks_the_window_that_it_belongs_to() -> None:
    records = [(index, scored("camera", index, 0.9)) for index in range(3)]
    records += [(3, skipped("camera", 3, cause="expired")), (4, skipped("other", 0, cause="decided_early"))]
    rows, deciding, _ = _decided(records, policy(window={"by": "index", "size": 2}))
    assert {row["window"]: row["expired"] for row in rows if row["parent_id"] == "camera"} == {
        "index/0-1": 0,
        "index/2-3": 1,
    }
    assert deciding.tallies.counts["skipped_early"] == 1


def test_window_ids_say_which_items_they_hold() -> None:
    assert overlap("whole", "index/0-9")
    assert overlap("index/0-9", "index/9-12")
    assert not overlap("index/0-9", "index/10-12")
    assert not overlap("time/0-1000@7", "time/1000-2000")
    assert holds("time/0-1000", 5, 999)
    assert not holds("time/0-1000", 5, 1000)
    assert holds("index/0-4@12", 4, 0)
    assert not holds("index/0-4", 5, 0)


def test_a_policy_is_known_by_its_rule_where_another_version_of_sluice_gave_it_another_digest() -> None:
    records = [(0, scored("a", 0, 0.9, 1))]
    live = [value.replace(policy().digest().encode(), b"0" * 64) for value in _live(records, policy())]
    (under,) = _decided(records, policy(), live)[2].policies
    assert under.digest == "0" * 64
    assert under.is_rule_of(policy())
    assert not under.is_rule_of(policy(method={"name": "min"}))
    assert not under.is_rule_of(policy().model_copy(update={"version": 2}))
