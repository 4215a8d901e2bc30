"""Answers that are withdrawn, since the model that gave them was wrong: their parents are decided again."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.decisions import Decision
from tests.unit.aggregation.records import NOW, decisions, fed, policy, scored, withdrawn

COUNTED: dict[str, Any] = {"idle_ms": 1_000, "late": {"rule": "count", "allowed_ms": 5_000}}
REVISED: dict[str, Any] = {"idle_ms": 1_000, "late": {"rule": "revise", "allowed_ms": 5_000}}


def _other(at: int) -> bytes:
    return scored(f"other-{at}", 0, 0.9, 1, at=NOW + at)


def _of_parent(records: list[bytes], rule: dict[str, Any]) -> list[Decision]:
    return [one for one in decisions(fed(records, policy(**rule))) if one.parent_id == "p"]


def test_an_open_window_waits_for_another_answer() -> None:
    records = [scored("p", 0, 0.1, 2), withdrawn("p", 0, 7, 2), scored("p", 1, 0.9, 2), scored("p", 0, 0.8, 2, again=7)]
    (decision,) = _of_parent(records, COUNTED)
    assert (decision.cause, decision.counts.scored, decision.counts.duplicate) == ("complete", 2, 1)
    assert decision.score == pytest.approx(0.85)
    assert [(one.index, one.score) for one in decision.worst] == [(0, 0.8), (1, 0.9)]


def test_an_answer_from_before_the_withdrawal_does_not_count_though_it_comes_after() -> None:
    records = [withdrawn("p", 0, 7, 2), scored("p", 0, 0.1, 2), scored("p", 1, 0.9, 2), scored("p", 0, 0.8, 2, again=7)]
    (decision,) = _of_parent(records, COUNTED)
    assert decision.score == pytest.approx(0.85)


@pytest.mark.parametrize("rule", [COUNTED, REVISED], ids=["count", "revise"])
def test_a_decided_parent_whose_items_were_all_answered_again_is_decided_by_these(rule: dict[str, Any]) -> None:
    wrong = [scored("p", index, 0.9, 2) for index in range(2)]
    again = [withdrawn("p", index, 7, 2) for index in range(2)]
    again += [scored("p", index, 0.1, 2, again=7) for index in range(2)]
    first, second = _of_parent([*wrong, *again], rule)
    assert (first.action, second.action) == ("accept", "reject")
    assert (second.revision, second.cause, second.counts.scored, second.counts.missing) == (1, "complete", 2, 0)


def test_of_a_parent_whose_other_answers_are_not_kept_the_revision_is_a_review() -> None:
    wrong = [scored("p", index, 0.9, 2) for index in range(2)]
    again = [withdrawn("p", 0, 7, 2), scored("p", 0, 0.95, 2, again=7), _other(2_000)]
    _, second = _of_parent([*wrong, *again], COUNTED)
    assert (second.revision, second.action, second.cause) == (1, "review", "idle")
    assert "missing_items" in second.reasons


def test_of_a_parent_whose_answers_are_kept_only_what_was_withdrawn_is_awaited() -> None:
    wrong = [scored("p", index, 0.9, 3) for index in range(3)]
    again = [withdrawn("p", 0, 7, 3), scored("p", 0, 0.8, 3, again=7)]
    _, second = _of_parent([*wrong, *again], REVISED)
    assert (second.action, second.counts.scored, second.counts.missing) == ("accept", 3, 0)
    assert second.worst[0].score == pytest.approx(0.8)


def test_an_item_that_gets_no_other_answer_sends_its_parent_to_review() -> None:
    records = [*(scored("p", index, 0.9, 2) for index in range(2)), withdrawn("p", 0, 7, 2), _other(2_000)]
    assert [one.action for one in _of_parent(records, REVISED)] == ["accept", "review"]


def test_an_early_decision_is_decided_again_too() -> None:
    rule = {**COUNTED, "early": True, "method": {"name": "min"}, "completeness": {"max_missing": 1.0}}
    wrong = [scored("p", 0, 0.1, 3)]
    again = [withdrawn("p", 0, 7, 3), scored("p", 0, 0.9, 3, again=7), _other(2_000)]
    found = _of_parent([*wrong, *again], rule)
    assert (found[0].cause, found[0].revision) == ("early", 0)
    assert (found[-1].revision, found[-1].counts.scored) == (1, 1)


def test_an_early_decision_keeps_no_other_from_being_forgotten() -> None:
    """It is known for as long as its parent may be open; the others only for their late time."""
    rule = {**COUNTED, "early": True, "method": {"name": "min"}, "completeness": {"max_missing": 1.0}}
    gate = fed([scored("early", 0, 0.1, 3, NOW), scored("p", 0, 0.9, 1, NOW), _other(20_000)], policy(**rule))
    assert {one.parent_id: one.cause for one in decisions(gate)}["early"] == "early"
    gate.checkpoint()
    gate.apply(enumerate([scored("p", 1, 0.9, at=NOW + 20_001), _other(30_000)], gate.position), NOW)
    assert {one.window: one.cause for one in decisions(gate) if one.parent_id == "p"} == {"whole@3": "reopened"}


@pytest.mark.parametrize("window", [{"by": "whole"}, {"by": "time", "length_ms": 60_000}], ids=["whole", "time"])
def test_a_few_new_answers_never_stand_for_the_many_that_are_not_kept(window: dict[str, Any]) -> None:
    """Nobody said how many items there are, so that nothing is known to be missing."""
    rule = {**COUNTED, "window": window}
    wrong = [scored("p", index, 0.1, at=NOW, item_time=NOW) for index in range(10)]
    again = [withdrawn("p", 0, 7, at=NOW, item_time=NOW), scored("p", 0, 0.95, at=NOW, item_time=NOW, again=7)]
    first, second = _of_parent([*wrong, _other(1_500), *again, _other(4_000)], rule)
    assert (first.action, first.counts.scored) == ("reject", 10)
    assert (second.action, second.counts.scored) == ("review", 1)
    assert "answers_not_kept" in second.reasons


def test_missing_answers_that_are_not_kept_are_no_zeros() -> None:
    rule = {**COUNTED, "completeness": {"max_missing": 1.0, "missing_as": "zero"}}
    wrong = [scored("p", index, 0.9, 20) for index in range(20)]
    again = [withdrawn("p", 0, 7, 20), scored("p", 0, 0.9, 20, again=7), _other(2_000)]
    assert [one.action for one in _of_parent([*wrong, *again], rule)] == ["accept", "review"]


def test_a_withdrawal_that_is_repeated_opens_the_window_for_answers_that_come_late() -> None:
    """The repair took longer than a window may be idle."""
    wrong = [scored("p", index, 0.9, 2, at=NOW) for index in range(2)]
    first = [withdrawn("p", index, 7, 2, at=NOW) for index in range(2)]
    again = [withdrawn("p", index, 8, 2, at=NOW) for index in range(2)]
    again += [scored("p", index, 0.1, 2, at=NOW, again=8) for index in range(2)]
    found = _of_parent([*wrong, *first, _other(2_000), *again], COUNTED)
    assert [(one.action, one.cause) for one in found] == [
        ("accept", "complete"),
        ("review", "idle"),
        ("reject", "complete"),
    ]
