from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregation import aggregate, label_of
from aggregation.decision import NAMESPACE, decision_id
from schemas.decisions import Decision
from schemas.policy import Action, Completeness, Label, Method, Policy, Rule
from tests.unit.aggregation.records import decisions, ended, failed, fed, fields, only, policy, scored, skipped, taken

# One index each: a score, or an item that failed, or one that was skipped.
outcomes = st.lists(st.one_of(st.floats(0.0, 1.0), st.sampled_from(["failed", "skipped"])), min_size=1, max_size=12)


def _records(parent: str, found: list[float | str], count: int | None) -> list[bytes]:
    makers = {"failed": failed, "skipped": skipped}
    return [
        makers[one](parent, index, count) if isinstance(one, str) else scored(parent, index, one, count)
        for index, one in enumerate(found)
    ]


def _without_arrival(decision: Decision) -> dict[str, Any]:
    """Return a decision without what tells how its records arrived."""
    record = decision.model_dump(exclude={"through_offset"})
    record["counts"].pop("duplicate")
    return record


def test_the_id_is_the_uuid_of_parent_window_and_revision() -> None:
    found = uuid.UUID(decision_id("p", "whole", 3))
    assert found == uuid.uuid5(NAMESPACE, "p\nwhole\n3")
    assert (found.version, found.variant) == (5, uuid.RFC_4122)
    assert len({decision_id(parent, "whole", revision) for parent in "abc" for revision in range(3)}) == 9


@given(found=outcomes, draw=st.randoms(use_true_random=False), again=st.integers(0, 5))
def test_no_order_and_no_duplicate_changes_a_decision(
    found: list[float | str], draw: random.Random, again: int
) -> None:
    ordered = _records("p", found, count=len(found))
    repeated = ordered + [draw.choice(ordered) for _ in range(again)]
    draw.shuffle(repeated)
    once, many = only(fed(ordered)), only(fed(repeated))
    assert _without_arrival(once) == _without_arrival(many)


@given(values=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8), draw=st.randoms(use_true_random=False))
def test_conflicting_duplicates_end_the_same_in_any_order(values: list[float], draw: random.Random) -> None:
    answers = [scored("p", 0, value) for value in values] + [failed("p", 0), skipped("p", 0), scored("p", 1, 0.5)]
    shuffled = draw.sample(answers, len(answers))
    first, second = (only(fed([*records, ended("p")])) for records in (answers, shuffled))
    assert (first.score, first.action, first.worst, first.counts) == (
        second.score,
        second.action,
        second.worst,
        second.counts,
    )
    assert first.score == aggregate([min(values), 0.5], Method()).score


@given(found=outcomes, method=st.sampled_from(["mean", "median", "min", "trimmed_mean"]), low=st.booleans())
def test_the_decision_can_be_made_again_from_its_record(found: list[float | str], method: str, low: bool) -> None:
    rule = {"name": method, "median": "low" if low else "mid"}
    decision = only(fed(_records("p", found, count=len(found)), policy(method=rule)))
    if decision.score is None:
        assert decision.action is Action.REVIEW
        assert "too_few_items" in decision.reasons
        return
    label = label_of(decision.score, decision.policy.rule.thresholds)
    obstacles = set(decision.reasons) - {"failed_items", "mixed_scorers"}
    assert decision.label is label
    assert decision.action is (Action.REVIEW if obstacles else decision.policy.rule.actions[label])


def test_the_record_names_the_policy_that_decided() -> None:
    rules = [Rule(), Rule(kind="video-frame", method=Method(name="min"))]
    used = Policy(name="mine", version=7, rules=rules)
    decision = only(fed([scored("p", 0, 0.9, 2), scored("p", 1, 0.5, 2)], used))
    assert (decision.policy.name, decision.policy.version, decision.policy.digest) == ("mine", 7, used.digest())
    assert decision.policy.rule == rules[1]
    assert decision.score == 0.5


def test_the_label_is_of_the_score_that_was_not_rounded() -> None:
    decision = only(fed([scored("p", 0, 0.6996, 1)]))
    assert (decision.score, decision.label, decision.review) == (0.6996, Label.MEDIUM, True)


@pytest.mark.parametrize(
    ("calibrated", "allowed", "action"),
    [(True, False, Action.REJECT), (False, False, Action.REVIEW), (False, True, Action.REJECT)],
)
def test_a_head_that_is_not_calibrated_rejects_only_where_it_may(
    calibrated: bool, allowed: bool, action: Action
) -> None:
    decision = only(
        fed([scored("p", 0, 0.1, 1, calibrated=calibrated)], policy(uncalibrated_may_reject=allowed)),
    )
    assert decision.action is action
    assert decision.label is Label.REJECTED
    assert ("uncalibrated_head" in decision.reasons) == (action is Action.REVIEW)
    assert decision.uncalibrated is not calibrated


def test_a_failed_item_counts_as_zero() -> None:
    decision = only(fed([scored("p", 0, 0.8, 2), failed("p", 1, 2)], policy(method={"name": "mean"})))
    assert decision.score == 0.4
    assert decision.reasons == ("failed_items",)
    assert decision.action is Action.ACCEPT


def test_a_failed_item_counts_as_missing() -> None:
    limits = {"failed_as": "missing", "max_missing": 0.4}
    decision = only(fed([scored("p", 0, 0.8, 2), failed("p", 1, 2)], policy(completeness=limits)))
    assert decision.score == 0.8
    assert decision.action is Action.REVIEW
    assert decision.reasons == ("missing_items", "failed_items")


@pytest.mark.parametrize(
    ("records", "limits", "reason"),
    [
        ([scored("p", 0, 0.9, 2), scored("p", 1, 0.9, 3), ended("p", 2)], {"max_missing": 1.0}, "conflicting_counts"),
        ([scored("p", 5, 0.9, 1)], {}, "index_beyond_count"),
        ([scored("p", 0, 0.9, 1)], {"min_scored": 2}, "too_few_items"),
        ([scored("p", 0, 0.9), scored("p", 2, 0.9), ended("p")], {}, "missing_items"),
        ([scored("p", 0, 0.9), ended("p", 4)], {"max_missing": 0.5}, "missing_items"),
        ([scored("p", 0, 0.9, 2), scored("p", 1, 0.9, 2, source="another")], {}, "conflicting_origin"),
    ],
)
def test_what_falls_short_goes_to_review_with_its_reason(
    records: list[bytes], limits: dict[str, object], reason: str
) -> None:
    decision = only(fed(records, policy(completeness=Completeness.model_validate(limits))))
    assert decision.action is Action.REVIEW
    assert reason in decision.reasons
    assert decision.review


def test_a_share_of_missing_items_may_be_allowed() -> None:
    decision = only(fed([scored("p", 0, 0.9), ended("p", 2)], policy(completeness={"max_missing": 0.5})))
    assert decision.action is Action.ACCEPT
    assert (decision.counts.expected, decision.counts.missing) == (2, 1)


def test_nothing_scored_is_decided_without_a_score() -> None:
    gate = fed([skipped("p", 0, 1)])
    (verdict,) = taken(gate)
    assert "score" not in fields(verdict)
    assert "label" not in fields(verdict)
    assert verdict.action == Action.REVIEW


def test_the_worst_items_come_first() -> None:
    values = [0.9, 0.3, 0.8, 0.1, 0.3]
    decision = only(fed([scored("p", index, value, 5, reasons=("dark",)) for index, value in enumerate(values)]))
    assert [(item.index, item.score) for item in decision.worst] == [(3, 0.1), (1, 0.3), (4, 0.3)]
    assert decision.worst[0].reasons == ("dark",)


def test_scores_of_several_scorers_are_named() -> None:
    (decision,) = decisions(fed([scored("p", 0, 0.9, 2), scored("p", 1, 0.9, 2, scorer="a" * 64)]))
    assert decision.scorers == ("a" * 64, "f" * 64)
    assert "mixed_scorers" in decision.reasons


def test_the_times_are_those_of_the_items() -> None:
    decision = only(fed([scored("p", index, 0.9, 3, at=at) for index, at in enumerate([500, 200, 900])]))
    assert (decision.timings.first_item_at, decision.timings.last_item_at) == (200, 900)
