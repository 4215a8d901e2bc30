"""What closes a window, and what is odd about a parent: each cause and each reason by an example."""

from __future__ import annotations

from typing import Any

import pytest

from aggregation import PartitionGate
from schemas.checkpoint import Checkpoint
from schemas.decisions import Decision
from schemas.policy import Action, Policy
from tests.unit.aggregation.records import NOW, activated, decisions, ended, fed, only, policy, scored, taken

TIMES: dict[str, Any] = {"idle_ms": 1_000, "max_age_ms": 3_000}
BY_INDEX: dict[str, Any] = {"window": {"by": "index", "size": 4}, **TIMES}
BY_TIME: dict[str, Any] = {"window": {"by": "time", "length_ms": 1_000, "hop_ms": 500}, **TIMES}
DAY = 86_400_000


def _of(gate: PartitionGate, parent: str = "p") -> list[Decision]:
    return [one for one in decisions(gate) if one.parent_id == parent]


@pytest.mark.parametrize("window", [{}, BY_INDEX, BY_TIME], ids=["whole", "index", "time"])
def test_idle_and_age_close_any_window_in_stream_time(window: dict[str, Any]) -> None:
    used = policy(**{**window, **TIMES})
    quiet = [scored("p", 0, 0.9, at=NOW, item_time=0), scored("q", 0, 0.9, at=NOW + 1_000)]
    busy = [scored("p", 0, 0.9, at=NOW + 500 * step, item_time=0) for step in range(7)]
    for records, cause in ((quiet, "idle"), (busy, "max_age")):
        found = _of(fed(records, used))
        assert {one.cause for one in found} == {cause}
        assert all(one.timings.closed_at == NOW + (1_000 if cause == "idle" else 3_000) for one in found)


def test_a_range_of_indices_is_complete_when_all_of_it_is_answered() -> None:
    records = [scored("p", index, 0.9) for index in (5, 0, 3, 1, 2)]
    (decision,) = decisions(fed(records, policy(**BY_INDEX)))
    assert (decision.cause, decision.window, decision.counts.expected) == ("complete", "index/0-3", 4)


def test_the_last_range_ends_with_the_parents_count() -> None:
    records = [scored("p", index, 0.9, 6) for index in (4, 5)]
    (decision,) = decisions(fed(records, policy(**BY_INDEX)))
    assert (decision.cause, decision.counts.expected, decision.action) == ("complete", 2, Action.ACCEPT)


@pytest.mark.parametrize(
    ("window", "windows"),
    [
        ({}, {"whole"}),
        (BY_INDEX, {"index/0-3", "index/4-7"}),
        (BY_TIME, {"time/-500-500", "time/0-1000", "time/500-1500"}),
    ],
    ids=["whole", "index", "time"],
)
def test_the_end_of_a_parent_closes_all_of_its_windows(window: dict[str, Any], windows: set[str]) -> None:
    records = [scored("p", 0, 0.9, item_time=0), scored("q", 0, 0.9), scored("p", 4, 0.9, item_time=500), ended("p")]
    found = decisions(fed(records, policy(**window)))
    assert {(one.parent_id, one.window, one.cause) for one in found} == {("p", name, "end") for name in windows}


@pytest.mark.parametrize("window", [BY_INDEX, BY_TIME], ids=["index", "time"])
def test_an_end_opens_no_window_of_a_part(window: dict[str, Any]) -> None:
    assert fed([ended("p", 9)], policy(**window)).open_windows == 0


def test_an_end_without_a_count_leaves_only_gaps_missing() -> None:
    (full,) = decisions(fed([scored("p", 4, 0.9), scored("p", 5, 0.9), ended("p")], policy(**BY_INDEX)))
    assert (full.action, full.counts.missing, full.counts.expected) == (Action.ACCEPT, 0, None)
    (gap,) = decisions(fed([scored("p", 6, 0.9), ended("p")], policy(**BY_INDEX)))
    assert (gap.action, gap.counts.missing, gap.reasons) == (Action.REVIEW, 2, ("missing_items",))


@pytest.mark.parametrize("off", [DAY, -DAY, 10**14])
def test_a_producers_clock_that_is_off_closes_nothing_else(off: int) -> None:
    records = [scored("p", index, 0.9, at=NOW + index, item_time=NOW + index) for index in range(3)]
    wrong = scored("p", 3, 0.9, at=NOW + 3, item_time=NOW + off)
    gate = fed([*records, wrong], policy(**BY_TIME))
    assert gate.ready == 0
    assert gate.stream_time == NOW + 3
    assert gate.open_windows == 4


def test_what_was_decided_long_ago_is_opened_again_under_another_id() -> None:
    used = policy(idle_ms=1_000, late={"allowed_ms": 1_000})
    gate = fed([scored("p", 0, 0.9, 1, NOW), scored("q", 0, 0.9, 1, NOW + 2_000)], used)
    taken(gate)
    gate.checkpoint()
    gate.apply([(2, scored("p", 1, 0.9, 1, NOW + 2_000))], NOW)
    (decision,) = decisions(gate)
    assert (decision.window, decision.cause, decision.action) == ("whole@2", "reopened", Action.REVIEW)
    assert decision.reasons == ("index_beyond_count", "reopened")
    assert gate.tally.reopened == 1


def test_a_late_end_alone_opens_nothing_also_where_the_decision_is_known_by_its_fingerprint_alone() -> None:
    used = policy(idle_ms=1_000, late={"allowed_ms": 1_000})
    gate = fed([scored("p", 0, 0.9, 1, NOW), scored("q", 0, 0.9, 1, NOW + 2_000)], used)
    taken(gate)
    gate.checkpoint()
    gate.apply([(2, ended("p", 4, NOW + 2_000)), (3, scored("r", 0, 0.9, 1, NOW + 9_000))], NOW)
    assert [one.parent_id for one in decisions(gate)] == ["r"]
    assert (gate.open_windows, gate.tally.reopened) == (0, 0)
    gate.apply([(4, scored("p", 1, 0.9, 2, NOW + 9_000)), (5, ended("p", 2, NOW + 9_000))], NOW)
    (decision,) = (one for one in decisions(gate) if one.parent_id == "p")
    assert (decision.window, decision.cause, decision.counts.scored) == ("whole@4", "reopened", 1)


def test_what_was_decided_longer_ago_than_is_remembered_is_new() -> None:
    gate = PartitionGate(0, policy(idle_ms=1, late={"allowed_ms": 1}), remember_ms=8_000)
    for step, wanted in enumerate(["whole", "whole@1", "whole@2", "whole"]):
        at = NOW + [0, 2_000, 4_000, 30_000][step]
        gate.apply([(step, scored("p", 0, 0.9, 1, at))], NOW)
        (decision,) = decisions(gate)
        assert decision.window == wanted
        gate.stream_time += 10
        gate.checkpoint()
        gate.stream_time += 20_000 * (step == 2)
        gate.checkpoint()


def test_a_long_late_time_does_not_shorten_what_is_remembered() -> None:
    gate = PartitionGate(0, policy(idle_ms=1, late={"allowed_ms": 50_000}), remember_ms=8_000)
    gate.apply([(0, scored("p", 0, 0.9, 1, NOW)), (1, scored("q", 0, 0.9, 1, NOW + 55_000))], NOW)
    taken(gate)
    gate.checkpoint()
    gate.apply([(2, scored("p", 0, 0.9, 1, NOW + 55_000))], NOW)
    assert [one.window for one in decisions(gate)] == ["whole@2"]


def test_where_memory_ends_the_oldest_windows_go_to_review() -> None:
    records = [scored(f"p{n}", 0, 0.9, 2, NOW) for n in range(50)]
    gate = PartitionGate(0, policy(), most_bytes=60_000)
    gate.apply(enumerate(records), NOW)
    closed = decisions(gate)
    assert [one.parent_id for one in closed] == [f"p{n}" for n in range(len(closed))]
    assert {(one.cause, one.action, one.reasons) for one in closed} == {
        ("memory", Action.REVIEW, ("missing_items", "memory"))
    }
    assert len(closed) + gate.open_windows == 50
    assert 0 < gate.open_windows < 50
    gate.apply([(50, scored("p0", 1, 0.1, 2, NOW))], NOW)
    assert (gate.ready, gate.tally.after_final, gate.tally.shed) == (0, 1, len(closed))


def test_a_window_short_of_memory_is_final_though_it_was_truncated() -> None:
    used = policy(late={"rule": "revise"}, idle_ms=1_000)
    gate = PartitionGate(0, used, Checkpoint(0, 0, 0, truncated_below=9), most_bytes=1)
    gate.apply([(0, scored("p", 0, 0.9, 3, NOW)), (1, scored("p", 1, 0.9, 3, NOW))], NOW)
    (verdict,) = taken(gate)
    successor = PartitionGate(0, used, Checkpoint(0, 2, 0, truncated_below=9))
    successor.recall(verdict.value)
    successor.apply([(2, scored("p", 2, 0.1, 3, NOW))], NOW)
    assert (verdict.cause, successor.ready, successor.tally.after_final) == ("truncated", 0, 1)


def test_nothing_is_held_once_all_is_closed() -> None:
    used = policy(**BY_TIME, late={"rule": "revise", "allowed_ms": 10})
    gate = fed([scored(f"p{n % 7}", n, 0.9, at=NOW + n, item_time=n * 90) for n in range(300)], used)
    assert gate._windows.weight > 0
    gate.close_due(NOW + DAY, NOW)
    gate.stream_time = NOW + 2 * DAY
    gate.checkpoint()
    assert (gate._windows.weight, gate._windows._parts, gate._windows._kept, gate.open_windows) == (0, {}, {}, 0)


def _switching(*versions: Policy) -> PartitionGate:
    found = {one.version: one for one in versions}
    return PartitionGate(0, versions[0], find_policy=lambda _, version, __: found.get(version))


def _version(number: int, **rule: Any) -> Policy:
    return policy(**{**TIMES, **rule}).model_copy(update={"version": number})


def test_a_policy_that_cuts_parents_otherwise_sends_what_was_open_to_review() -> None:
    gate = _switching(_version(1, **BY_INDEX), _version(2, window={"by": "index", "size": 2}))
    log = [
        scored("p", 0, 0.9, 2, NOW),
        activated("test", 2),
        scored("p", 1, 0.9, 2, NOW),
        scored("q", 0, 0.9, 9, NOW + 1_000),
    ]
    gate.apply(enumerate(log), NOW)
    assert {(one.window, one.policy.version, one.action): one.reasons for one in _of(gate)} == {
        ("index/0-3", 1, Action.REVIEW): ("missing_items", "policy_changed"),
        ("index/0-1", 2, Action.REVIEW): ("missing_items",),
    }


def test_a_policy_that_came_and_went_is_not_overlooked() -> None:
    """Items went to other windows meanwhile."""
    gate = _switching(_version(1, **BY_TIME), _version(2, **BY_INDEX))
    log = [
        scored("p", 0, 0.9, at=NOW, item_time=0),
        activated("test", 2),
        scored("p", 1, 0.9, at=NOW, item_time=1),
        activated("test", 1),
        scored("q", 0, 0.9, at=NOW + 1_000),
    ]
    gate.apply(enumerate(log), NOW)
    assert {one.window: one.reasons for one in _of(gate) if one.window.startswith("time")} == {
        "time/-500-500": ("policy_changed",),
        "time/0-1000": ("policy_changed",),
    }


def test_a_window_is_decided_under_the_version_in_force_before_its_first_item() -> None:
    gate = _switching(_version(1), _version(2, method={"name": "min"}))
    log = [
        scored("p", 0, 0.9, 2),
        activated("test", 2),
        scored("q", 0, 0.9, 2),
        scored("q", 1, 0.1, 2),
        scored("p", 1, 0.5, 2),
    ]
    gate.apply(enumerate(log), NOW)
    assert [(one.parent_id, one.policy.version, one.score) for one in decisions(gate)] == [("q", 2, 0.1), ("p", 1, 0.7)]


def test_a_successor_finds_the_version_that_was_in_force_at_its_start() -> None:
    gate = _switching(_version(1), _version(2))
    gate.apply(enumerate([activated("test", 2), scored("p", 0, 0.9, 2), activated("test", 1)]), NOW)
    assert gate.checkpoint() == Checkpoint(1, 3, 0, 0, "test@2")


def test_an_early_decision_is_known_for_as_long_as_its_parent_could_have_been_open() -> None:
    used = policy(method={"name": "min"}, early=True, completeness={"max_missing": 1.0}, late={"allowed_ms": 1_000})
    gate = fed([scored("p", 0, 0.0, 3, NOW)], used)
    assert only(gate).cause == "early"
    for later in (2_000, 3_600_000):
        gate.apply([(gate.position, scored(f"q{later}", 0, 0.0, 3, NOW + later))], NOW)
        gate.apply([(gate.position, scored("p", 1, 0.9, 3, NOW + later))], NOW)
        assert [one.parent_id for one in decisions(gate)] == [f"q{later}"]
        gate.checkpoint()
    assert gate.tally.after_final == 2
