"""Items that are answered after their window was decided: counted, or answered by a revision."""

from __future__ import annotations

from typing import Any

import pytest

from aggregation import PartitionGate
from aggregation.decision import decision_id
from schemas.checkpoint import Checkpoint
from schemas.decisions import Retraction
from schemas.policy import Action
from tests.unit.aggregation.records import NOW, activated, decisions, ended, fed, policy, scored, taken

REVISE: dict[str, Any] = {
    "late": {"rule": "revise", "allowed_ms": 5_000},
    "idle_ms": 1_000,
    "completeness": {"max_missing": 1.0},
    "method": {"name": "min"},
}
WINDOWS: list[dict[str, Any]] = [
    {"by": "whole"},
    {"by": "index", "size": 8},
    {"by": "time", "length_ms": 10_000},
]


def _item(index: int, score: float, at: int = 0, count: int | None = 8) -> bytes:
    return scored("p", index, score, count, NOW + at, item_time=0)


def _other(at: int) -> bytes:
    return scored(f"other-{at}", 0, 0.9, at=NOW + at)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window["by"])
def test_a_late_item_leads_to_a_revision_that_withdraws_what_no_longer_holds(window: dict[str, Any]) -> None:
    records = [
        _item(0, 0.9),
        _other(1_000),  # 0: accept
        _item(1, 0.8, 1_100),
        _other(2_100),  # 1: accept
        _item(2, 0.1, 2_200),
        _other(3_200),  # 2: reject
    ]
    verdicts = [verdict for verdict in taken(fed(records, policy(**REVISE, window=window))) if verdict.key == b"p"]
    assert [verdict.action for verdict in verdicts] == ["accept", "accept", "reject"]
    assert [verdict.withdrawal is None for verdict in verdicts] == [True, True, False]
    withdrawal = verdicts[2].withdrawal
    assert withdrawal is not None
    assert withdrawal.action == "accept"
    retraction = Retraction.model_validate_json(withdrawal.value)
    assert retraction.id == decision_id("p", retraction.window, 1)
    assert retraction.replaced_by == decision_id("p", retraction.window, 2)
    assert (retraction.revision, retraction.action) == (1, Action.REJECT)


def test_revisions_are_numbered_without_gaps_and_count_what_was_late() -> None:
    records = [_item(0, 0.9), _other(1_000), _item(1, 0.8, 1_100), _item(1, 0.7, 1_100), _other(2_100)]
    records += [_item(2, 0.8, 2_200), _other(3_200)]
    found = [one for one in decisions(fed(records, policy(**REVISE))) if one.parent_id == "p"]
    assert [(one.revision, one.counts.late, one.counts.scored, one.counts.duplicate) for one in found] == [
        (0, 0, 1, 0),
        (1, 1, 2, 1),
        (2, 2, 3, 1),
    ]
    assert len({one.id for one in found}) == 3
    assert {one.first_offset for one in found} == {0}


def test_the_last_item_completes_a_revision_at_once() -> None:
    records = [_item(0, 0.9, count=2), _other(1_000), _item(1, 0.8, 1_100, count=2)]
    assert [(one.revision, one.cause) for one in decisions(fed(records, policy(**REVISE)))] == [
        (0, "idle"),
        (1, "complete"),
    ]


def test_after_its_time_a_late_item_is_only_counted() -> None:
    records = [_item(0, 0.9), _other(1_000), _item(1, 0.1, 5_999), _other(6_999), _item(2, 0.1, 11_999)]
    gate = fed(records, policy(**REVISE))
    assert [one.revision for one in decisions(gate) if one.parent_id == "p"] == [0, 1]
    assert gate.tally.late == 1


def test_where_the_rule_says_count_no_late_item_opens_anything() -> None:
    gate = fed([_item(0, 0.9), _other(1_000), _item(1, 0.1, 1_100), ended("p", at=NOW + 1_200)], policy(idle_ms=1_000))
    assert len(taken(gate)) == 1
    assert (gate.tally.late, gate.open_windows) == (1, 1)


def test_an_answer_that_changes_nothing_opens_no_revision_and_is_a_duplicate_in_the_next() -> None:
    records = [_item(0, 0.5), _other(1_000), _item(0, 0.9, 1_100), _item(1, 0.9, 1_200), _other(2_200)]
    first, second = (one for one in decisions(fed(records, policy(**REVISE))) if one.parent_id == "p")
    assert (first.through_offset, second.counts.late, second.counts.duplicate) == (1, 1, 1)


@pytest.mark.parametrize("window", WINDOWS[:2], ids=lambda window: window["by"])
def test_a_count_that_comes_with_a_late_end_is_known_to_the_revision(window: dict[str, Any]) -> None:
    records = [_item(0, 0.9, count=None), _other(1_000), ended("p", 3, NOW + 1_100), _item(1, 0.8, 1_200, None)]
    records += [_item(2, 0.8, 1_300, None)]
    found = [one for one in decisions(fed(records, policy(**REVISE, window=window))) if one.parent_id == "p"]
    assert [(one.revision, one.cause, one.counts.expected) for one in found][1:] == [(1, "complete", 3)]


def test_a_window_closed_twice_at_one_time_is_decided_once() -> None:
    """Its first deadline still stands in the lane when the revision gets another."""
    records = [_item(0, 0.9, count=1), _item(1, 0.9, 500, 3), _other(1_500)]
    assert [one.revision for one in decisions(fed(records, policy(**REVISE)))] == [0, 1]


def test_a_window_that_was_opened_again_keeps_its_id_through_revisions_and_owners() -> None:
    """Its decision was forgotten; the successor reads its records once more, and answers a late item."""
    used = policy(**{**REVISE, "late": {"rule": "revise", "allowed_ms": 500}})
    log = [_item(0, 0.9), *(_other(at) for at in (1_000, 2_500, 5_000, 9_000))]
    log += [_item(1, 0.9, 9_000), _other(10_000), _item(2, 0.9, 10_100), _other(11_100)]
    gate = PartitionGate(0, used)
    gate.apply(enumerate(log[:5]), NOW)
    topic = taken(gate)
    gate.checkpoint()
    gate.apply(list(enumerate(log))[5:7], NOW)
    topic += taken(gate)
    checkpoint = gate.checkpoint()
    assert checkpoint.low_watermark <= 5
    successor = PartitionGate(0, used, checkpoint)
    for verdict in topic:
        successor.recall(verdict.value)
    gate.apply(list(enumerate(log))[7:], NOW)
    successor.apply(list(enumerate(log))[checkpoint.low_watermark :], NOW)
    wanted, found = ([one for one in decisions(each) if one.parent_id == "p"] for each in (gate, successor))
    assert [(one.window, one.revision, one.cause, one.action) for one in wanted] == [
        ("whole@5", 1, "reopened", Action.REVIEW)
    ]
    assert wanted == found


def test_a_revision_of_a_truncated_window_is_truncated_whoever_makes_it() -> None:
    used, resume = policy(**REVISE), Checkpoint(2, 2, 0, truncated_below=4)
    log = list(enumerate([_item(0, 0.9), _other(1_000), _item(1, 0.9, 1_100), _other(2_100)], 2))
    first = PartitionGate(0, used, resume)
    first.apply(log[:2], NOW)
    (decision,) = taken(first)
    second = PartitionGate(0, used, first.checkpoint())
    second.recall(decision.value)
    second.apply(log, NOW)
    assert [(one.parent_id, one.revision, one.cause) for one in decisions(second)] == [
        ("other-1000", 0, "truncated"),
        ("p", 1, "truncated"),
    ]


def test_a_parent_decided_whole_keeps_its_late_items_when_a_policy_cuts_parents() -> None:
    """While a revision may come: the items would otherwise be in it or not, depending on when they were read."""
    cut = policy(window={"by": "index", "size": 2})
    gate = PartitionGate(0, policy(**REVISE), find_policy=lambda *_: cut)
    log = [_item(0, 0.9), _other(1_000), activated("cut", 1), _item(1, 0.1, 1_100), _other(2_500)]
    gate.apply(enumerate(log), NOW)
    assert [(one.window, one.revision) for one in decisions(gate) if one.parent_id == "p"] == [
        ("whole", 0),
        ("whole", 1),
    ]
