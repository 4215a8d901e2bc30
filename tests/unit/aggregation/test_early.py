"""An early decision is the one that all items would have led to, and comes as soon as they can only lead to it."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import msgspec
import pytest

from aggregation import PartitionGate
from schemas import wire
from schemas.policy import Policy, Rule
from tests.unit.aggregation.records import NOW, SCORER, decisions, failed, fed, only, policy, scored, skipped, taken

POLICIES, PARENTS = 400, 250
LABELS, ACTIONS = ("high", "medium", "low", "rejected"), ("accept", "review", "reject")
SCORES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.7, 0.9, 1.0)
_ITEM = {"kind": "k", "source": "s", "appended_at": 0, "item_id": "i"}
_encode = msgspec.json.Encoder().encode


def _some_rule(draw: Random) -> dict[str, Any]:
    actions = dict(zip(LABELS, ("accept", "accept", "review", "reject"), strict=True))
    return {
        "method": {
            "name": draw.choice(["mean", "median", "min", "trimmed_mean", "quantile", "share_below"]),
            "median": draw.choice(["mid", "low"]),
            "trim": draw.choice([0.0, 0.1, 0.25, 0.49]),
            "q": draw.choice([0.0, 0.1, 0.5, draw.random(), 1.0]),
            "threshold": draw.choice([0.2, 0.4, draw.uniform(0.01, 1.0)]),
        },
        "actions": {label: draw.choice(ACTIONS) for label in LABELS} if draw.random() < 0.4 else actions,
        "completeness": {
            "min_scored": draw.choice([1, 1, 2, 4]),
            "max_missing": draw.choice([0.0, 0.3, 0.5, 1.0]),
            "failed_as": draw.choice(["zero", "missing"]),
            "missing_as": draw.choice(["nothing", "zero"]),
        },
        "uncalibrated_may_reject": draw.random() < 0.3,
    }


def _some_answers(draw: Random, parent: str) -> list[bytes]:
    """Return the answers of a parent of up to six items, in any order; some never come."""
    count = draw.randint(1, 6)
    levels = draw.choice([SCORES[:3], SCORES[4:], SCORES])
    sure = draw.random() < 0.6
    answers: list[wire.ItemAnswer] = []
    for index in draw.sample(range(count), count):
        outcome = draw.random()
        fields: dict[str, Any] = {**_ITEM, "parent_id": parent, "index": index, "count": count}
        if outcome < 0.8:
            score = draw.choice(levels) if outcome < 0.6 else outcome
            calibrated = sure or outcome < 0.4
            answers.append(wire.ItemScored(**fields, score=score, scorer=SCORER, calibrated=calibrated))
        elif outcome < 0.95:
            answers.append((wire.ItemFailed if outcome < 0.88 else wire.ItemSkipped)(**fields, cause="c"))
    return [_encode(answer) for answer in answers]


def _actions(rule: dict[str, Any], records: list[bytes], *, early: bool) -> dict[bytes, tuple[str, str]]:
    gate = PartitionGate(0, Policy(name="p", rules=[Rule.model_validate({**rule, "early": early})]))
    assert gate.apply(enumerate(records), NOW) == []
    gate.close_due(2**62, NOW)
    return {verdict.key: (verdict.action, verdict.cause) for verdict in taken(gate)}


def test_a_hundred_thousand_parents_end_the_same_early_and_in_full() -> None:
    draw, early_ones = Random(1), 0
    for _ in range(POLICIES):
        rule = _some_rule(draw)
        records = [record for n in range(PARENTS) for record in _some_answers(draw, f"p{n}")]
        early, full = _actions(rule, records, early=True), _actions(rule, records, early=False)
        assert {key: action for key, (action, _) in early.items()} == {key: action for key, (action, _) in full.items()}
        early_ones += sum(cause == "early" for _, cause in early.values())
    assert early_ones > POLICIES * PARENTS * 0.2


OUTCOMES: list[Any] = [0.0, 0.1, 0.3, 0.5, 0.9, 1.0, "failed", "missing"]


@pytest.mark.parametrize("name", ["mean", "median", "min", "trimmed_mean", "quantile"])
def test_it_waits_no_longer_than_an_item_can_change_the_action(name: str) -> None:
    """Whatever is not yet decided can really end with two actions."""
    rule = {"method": {"name": name}, "completeness": {"max_missing": 1.0}}
    for known in product([0.05, 0.35, 0.95], repeat=2):
        first = [scored("p", index, score, 4) for index, score in enumerate(known)]
        ends = set()
        for outcome in product(OUTCOMES, repeat=2):
            last = [
                failed("p", index, 4) if score == "failed" else scored("p", index, score, 4)
                for index, score in enumerate(outcome, 2)
                if score != "missing"
            ]
            ((action, _),) = _actions(rule, first + last, early=False).values()
            ends.add(action)
        decided = fed(first, policy(**rule, early=True)).ready == 1
        assert decided == (len(ends) == 1)


MIN: dict[str, Any] = {
    "method": {"name": "min"},
    "early": True,
    "completeness": {"max_missing": 1.0},
    "late": {"rule": "revise"},
}


def test_the_record_has_the_bounds_and_what_remains() -> None:
    decision = only(fed([scored("p", 0, 0.1, 3)], policy(**MIN)))
    assert (decision.cause, decision.action, decision.counts.remaining) == ("early", "reject", 2)
    assert decision.bounds is not None
    assert (decision.bounds.lower, decision.bounds.upper, decision.score) == (0.0, 0.1, 0.1)


def test_what_comes_after_it_changes_nothing() -> None:
    gate = fed([scored("p", 0, 0.1, 3), skipped("p", 1, 3), scored("p", 2, 0.0, 3)], policy(**MIN))
    assert len(taken(gate)) == 1
    assert (gate.tally.after_final, gate.tally.late) == (2, 0)


def test_without_a_count_nothing_is_early() -> None:
    assert fed([scored("p", 0, 0.1)], policy(**MIN)).ready == 0


def test_where_a_missing_item_means_review_nothing_is_early() -> None:
    strict = {**MIN, "completeness": {"max_missing": 0.3}}
    assert fed([scored("p", 0, 0.1, 3), scored("p", 1, 0.1, 3)], policy(**strict)).ready == 0
    assert fed([scored("p", index, 0.1, 4) for index in range(3)], policy(**strict)).ready == 1


def test_a_count_of_billions_is_only_a_number() -> None:
    records = [scored("p", 0, 0.9, 2**31), scored("q", 0, 0.9, 2**31)]
    rule = {"early": True, "completeness": {"missing_as": "zero", "max_missing": 1.0}, "idle_ms": 1}
    gate = fed(records, policy(**rule))
    gate.close_due(NOW, NOW)
    assert [(one.score, one.counts.missing) for one in decisions(gate)] == [(0.0, 2**31 - 1)] * 2


def test_a_parent_that_goes_to_review_in_any_case_does_so_once() -> None:
    """Its records were truncated, so that it is settled at the first item; those that follow make no revisions."""
    gate = PartitionGate(0, policy(early=True, late={"rule": "revise"}))
    gate._windows.truncated_below = 1
    gate.apply(enumerate(scored("p", index, 0.9, 5) for index in range(5)), NOW)
    assert [one.cause for one in decisions(gate)] == ["truncated"]
