"""The tables are a function of the decisions that hold, in whatever order the records are read."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.monitor import tables as module
from deploy.monitor.alarms import Judge
from deploy.monitor.figures import figures
from deploy.monitor.tables import OTHER, Tables
from schemas.decisions import Decision
from tests.unit.aggregation.records import NOW, fed, policy, scored, taken
from tests.unit.deploy.monitored import NOON, decision, retraction

WINDOW = 60_000
LATER = NOON + 600_000
ACTIONS = ("accept", "review", "reject")


def _read(records: list[bytes], windows: int = 5) -> dict[str, Any]:
    tables = Tables(WINDOW, windows)
    for record in records:
        tables.apply(record, NOON, LATER)
    return figures(tables, Judge(tables, 1))


@st.composite
def _histories(draw: st.DrawFn) -> list[list[Decision]]:
    """Windows of parents, each with its decision and the revisions of it."""
    histories = []
    for number in range(draw(st.integers(1, 12))):
        at, history = NOON + draw(st.integers(0, 400_000)), []
        for revision in range(draw(st.integers(1, 3))):
            history.append(
                decision(
                    f"parent-{number}",
                    at=at,
                    source=f"camera-{number % 3}",
                    action=draw(st.sampled_from(ACTIONS)),
                    score=draw(st.none() | st.sampled_from([0.1, 0.4, 0.7])),
                    revision=revision,
                    revisable=True,
                )
            )
            at += draw(st.integers(0, 90_000))
        histories.append(history)
    return histories


def _records(histories: list[list[Decision]]) -> list[bytes]:
    records = [one.to_json() for history in histories for one in history]
    for history in histories:
        for before, after in pairwise(history):
            if before.action != after.action:
                records.append(retraction(before, after.action.value).to_json())
    return records


@settings(deadline=None, max_examples=40)
@given(histories=_histories(), seed=st.randoms(use_true_random=False))
def test_any_order_gives_the_same_and_only_the_last_revisions_count(
    histories: list[list[Decision]], seed: random.Random
) -> None:
    records = _records(histories)
    shuffled = list(records)
    seed.shuffle(shuffled)
    found = _read(shuffled)
    assert found == _read(records)
    newest = max(history[-1].timings.decided_at for history in histories)
    first = newest // 10_000 * 10_000 - 29 * 10_000
    last = [history[-1] for history in histories if history[-1].timings.decided_at >= first]
    counted: Counter[str] = Counter()
    for group in found["groups"]:
        counted.update({action: group["view"][action] for action in ACTIONS})
    assert +counted == Counter(one.action.value for one in last)
    assert {one["id"] for one in found["rejects"]} == {one.id for one in last if one.action == "reject"}


def test_a_decision_that_was_withdrawn_counts_nowhere_before_its_revision_is_read() -> None:
    early, other = decision("a", action="reject", revisable=True), decision("b", at=NOON + 1_000)
    withdrawn = retraction(early, "accept").to_json()
    for records in ([early.to_json(), withdrawn], [withdrawn, early.to_json()]):
        (group,) = _read([*records, other.to_json()])["groups"]
        assert group["window"]["decisions"] == 1
        assert group["window"]["reject"] == 0


def test_what_a_gate_writes_is_read_its_revision_and_its_retraction_too() -> None:
    rule = {"late": {"rule": "revise"}, "idle_ms": 1_000, "method": {"name": "min"}}
    answers = [scored("p", 0, 0.9), scored("q", 0, 0.9, at=5_000), scored("p", 1, 0.1, at=5_100)]
    verdicts = taken(fed([*answers, scored("r", 0, 0.9, at=9_000)], policy(**rule)))
    records = [verdict.value for verdict in verdicts]
    records += [verdict.withdrawal.value for verdict in verdicts if verdict.withdrawal is not None]
    tables = Tables(WINDOW, 5)
    for record in records:
        tables.apply(record, NOW, NOW)
    assert tables.tally()["revision"] >= 1
    assert tables.tally()["retraction"] == 1
    (group,) = figures(tables, Judge(tables, 1))["groups"]
    assert (group["view"]["decisions"], group["view"]["reject"]) == (2, 1)
    assert [one.parent_id for one in tables.rejects] == ["p"]


def test_figures_of_a_group_are_those_of_its_decisions() -> None:
    decisions = [
        decision("a", at=NOON + 1_000, score=0.5, cause="idle", missing=2),
        decision("b", at=NOON + 2_000, score=0.7, action="review", failed=1),
        decision("c", at=NOON + 61_000, score=None, action="reject", reasons=("blurry",)),
        decision("d", at=NOON + 3_000, score=0.1, version=2),
    ]
    found = _read([one.to_json() for one in decisions])
    group, other = found["groups"]
    assert (group["source"], group["kind"], group["policy"], group["version"]) == (
        "camera-1",
        "video-frame",
        "night",
        1,
    )
    assert (other["version"], other["view"]["decisions"]) == (2, 1)
    view = group["view"]
    assert (view["decisions"], view["accept"], view["review"], view["reject"], view["flagged"]) == (3, 1, 1, 1, 1)
    assert view["accept_rate"] == pytest.approx(1 / 3, abs=1e-6)
    assert view["causes"] == {"complete": 2, "idle": 1}
    assert (view["items"]["scored"], view["items"]["failed"], view["items"]["missing"]) == (12, 1, 2)
    assert view["open_seconds_mean"] == 2.0
    assert view["score"]["n"] == 2
    assert view["score"]["mean"] == pytest.approx(0.6)
    assert group["window"]["decisions"] == 1, "the last window ends with the pane of the newest decision"
    assert [one["parent_id"] for one in found["rejects"]] == ["c"]
    assert found["rejects"][0]["reasons"] == ("blurry",)
    assert sum(group["series"]["review"]) == 1


def test_what_the_view_has_left_behind_is_dropped() -> None:
    found = _read([decision("old", action="reject").to_json(), decision("new", at=NOON + 500_000).to_json()], windows=5)
    assert [group["view"]["decisions"] for group in found["groups"]] == [1]
    assert found["rejects"] == []


def test_records_of_others_and_decisions_of_a_wrong_clock_are_counted_and_not_shown() -> None:
    tables = Tables(WINDOW, 5)
    for value in (b"", None, b"{}", b'{"type": "Alarm"}', decision("a", at=LATER + 2 * WINDOW).to_json()):
        tables.apply(value, NOON, LATER)
    tables.apply(decision("b").to_json(), NOON, LATER)
    assert tables.tally() == {"unreadable": 4, "ahead": 1, "decision": 1}
    assert tables.newest == NOON


def test_memory_is_bounded_however_many_sources_and_revisable_decisions_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_GROUPS", 4)
    monkeypatch.setattr(module, "MAX_REPLACEABLE", 5)
    made = [decision(f"p{n}", source=f"invented-{n}", score=0.5, revisable=True) for n in range(30)]
    tables = Tables(WINDOW, 5)
    for one in made:
        tables.apply(one.to_json(), NOON, LATER)
    groups = figures(tables, Judge(tables, 1))["groups"]
    assert len(groups) == 5
    assert {group["source"]: group["view"]["decisions"] for group in groups}[OTHER] == 26
    assert sum(group["view"]["score"]["n"] for group in groups) == 30
    tables.apply(retraction(made[-1], "accept").to_json(), NOON, LATER)
    assert sum(group["view"]["decisions"] for group in figures(tables, Judge(tables, 1))["groups"]) == 29
