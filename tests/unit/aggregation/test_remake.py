"""Every decision is made again from its record and its scores, whatever gate made it; a changed one is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aggregation import PartitionGate
from aggregation.remake import CannotRemakeError, Difference, differences
from schemas import wire
from schemas.checkpoint import Checkpoint
from schemas.decisions import Decision
from schemas.policy import Action, Policy, Rule
from schemas.scores import PolicyActivated
from tests.unit.aggregation.records import NOW, decisions, ended, failed, fed, only, policy, ruled, scored, skipped

METHODS = ("mean", "median", "min", "trimmed_mean", "quantile", "share_below")
WINDOWS: list[dict[str, Any]] = [
    {"by": "whole"},
    {"by": "index", "size": 2},
    {"by": "time", "length_ms": 1_000},
    {"by": "time", "length_ms": 1_000, "hop_ms": 400},
]


@st.composite
def rules(draw: st.DrawFn, windows: Sequence[dict[str, Any]], late: str, kind: str = "*") -> Rule:
    window = draw(st.sampled_from(windows))
    return Rule.model_validate(
        {
            "kind": kind,
            "window": window,
            "method": {"name": draw(st.sampled_from(METHODS))},
            "early": window["by"] == "whole" and draw(st.booleans()),
            "late": {"rule": late, "allowed_ms": 3_000},
            "completeness": {
                "max_missing": draw(st.sampled_from([0.0, 0.5, 1.0])),
                "failed_as": draw(st.sampled_from(["zero", "missing"])),
                "missing_as": draw(st.sampled_from(["nothing", "zero"])),
            },
            "audit": {"accept": 0.5, "reject": 0.5},
            "idle_ms": 1_000,
            "max_age_ms": 2_500,
        }
    )


@st.composite
def policies(draw: st.DrawFn) -> list[Policy]:
    """Return versions of a policy, the decider's own first."""
    windows, late = draw(st.sampled_from([(WINDOWS[:1], "revise"), (WINDOWS[1:], "revise"), (WINDOWS, "count")]))
    return [
        Policy(name="test", version=version, rules=[draw(rules(windows, late)), draw(rules(windows, late, kind="x"))])
        for version in (1, 2, 3)
    ]


@st.composite
def logs(draw: st.DrawFn) -> list[bytes]:
    """Return a partition's records: parents that return after long times, duplicates, conflicts, ends, new policies."""
    at, found = NOW, []
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.sampled_from([0, 0, 50, 400, 1_100, 2_600, 8_000]))
        number, index = draw(st.integers(0, 3)), draw(st.integers(0, 4))
        parent, count = f"p{number}", draw(st.sampled_from([None, 3, 3, 4]))
        when = max(0, at - draw(st.sampled_from([0, 0, 0, 300, 5_000])))
        what = draw(st.sampled_from(["scored"] * 6 + ["ruled", "failed", "skipped", "ended", "policy"]))
        if what == "scored":
            found.append(_scored(draw, parent, index, count=count, when=when))
        elif what == "ruled":
            found.append(ruled(parent, index, count, when, flags=("duplicate",) if index else ()))
        elif what == "policy":
            version = draw(st.integers(1, 3))
            found.append(PolicyActivated(name="test", version=version, digest="0" * 64).to_json())
        elif what == "ended":
            found.append(ended(parent, count, when))
        else:
            found.append({"failed": failed, "skipped": skipped}[what](parent, index, count, when))
    return [value.replace(b"video-frame", b"x") if b'"parent_id":"p0"' in value else value for value in found]


def _scored(draw: st.DrawFn, parent: str, index: int, *, count: int | None, when: int) -> bytes:
    return scored(
        parent,
        index,
        draw(st.sampled_from([0.05, 0.1, 0.3, 0.5, 0.9, 0.95])),
        count,
        when,
        item_id=f"{parent}/{index}/{draw(st.integers(0, 1))}",
        item_time=NOW + draw(st.sampled_from([0, 300, 900, 1_500])),
        scorer=draw(st.sampled_from(["a", "a", "a", "b"])),
        calibrated=draw(st.sampled_from([True, True, False])),
    )


@dataclass
class Partition:
    """A log, and the deciders that one after the other decide it."""

    log: Sequence[bytes]
    versions: Sequence[Policy]
    most_bytes: int | None = None
    truncated_below: int = 0
    made: list[bytes] = field(default_factory=list)

    def find(self, name: str, version: int, _: str) -> Policy | None:
        return self.versions[version - 1] if name == "test" else None

    def decide(self, restarts: Sequence[int]) -> list[Decision]:
        """Decide the whole log; a decider dies at each of some places, with what it decided committed."""
        mark = Checkpoint(0, 0, 0, self.truncated_below)
        for upto in [*sorted(restarts), len(self.log)]:
            gate = PartitionGate(0, self.versions[0], mark, find_policy=self.find, most_bytes=self.most_bytes)
            for value in self.made:
                gate.recall(value)
            for offset in range(mark.low_watermark, min(upto, len(self.log))):
                assert gate.apply([(offset, self.log[offset])], NOW) == []
                self.made += [verdict.value for verdict in gate.take(100)]
                mark = gate.checkpoint()  # and so forgets what it may
        gate.close_due(NOW + 10**7, NOW)
        self.made += [verdict.value for verdict in gate.take(100)]
        return [Decision.model_validate_json(value) for value in self.made]

    def differences(self, decision: Decision, **changed: Any) -> list[Difference]:
        before = {(one.parent_id, one.window, one.revision): one for one in map(_parsed, self.made)}
        return differences(
            decision.model_copy(update=changed),
            [(offset, wire.decode(value)) for offset, value in enumerate(self.log)],
            0,
            before=before.get((decision.parent_id, decision.window, decision.revision - 1)),
            find_policy=self.find,
        )


def _parsed(value: bytes) -> Decision:
    return Decision.model_validate_json(value)


@st.composite
def partitions(draw: st.DrawFn) -> Partition:
    return Partition(
        draw(logs()),
        draw(policies()),
        most_bytes=draw(st.sampled_from([None, None, 4_000])),
        truncated_below=draw(st.sampled_from([0, 0, 5])),
    )


restarts = st.lists(st.integers(0, 50), max_size=3)


@settings(deadline=None, max_examples=30)
@given(found=partitions(), restarts=restarts)
def test_every_decision_is_made_again_from_its_record_and_its_scores(found: Partition, restarts: list[int]) -> None:
    for decision in found.decide(restarts):
        assert found.differences(decision) == []


@settings(deadline=None, max_examples=15)
@given(found=partitions(), draw=st.data())
def test_a_record_that_was_changed_is_found(found: Partition, draw: st.DataObject) -> None:
    made = found.decide([])
    assume(made)
    decision = draw.draw(st.sampled_from(made))
    score = draw.draw(st.floats(0, 1).filter(lambda score: score != decision.score))
    assert "score" in _names(found.differences(decision, score=score))
    action = draw.draw(st.sampled_from([one for one in Action if one is not decision.action]))
    assert _names(found.differences(decision, action=action)) == ["action"]
    counts = decision.counts.model_copy(update={"scored": decision.counts.scored + 1})
    assert "counts.scored" in _names(found.differences(decision, counts=counts))


def _names(found: list[Difference]) -> list[str]:
    return [one.field for one in found]


def _log(*values: bytes) -> list[tuple[int, wire.ScoreRecord]]:
    return [(offset, wire.decode(value)) for offset, value in enumerate(values)]


def test_a_window_that_nothing_closes_there_was_not_decided_rightly() -> None:
    values = [scored("p", 0, 0.9, at=NOW), scored("q", 0, 0.9, at=NOW + 100)]
    decision = only(fed([*values, ended("p", at=NOW)]))
    forged = decision.model_copy(update={"cause": "idle", "through_offset": 1})
    (found,) = differences(forged, _log(*values), 0)
    assert found == Difference("cause", "idle", "none: nothing closes it there")


def test_a_window_that_was_complete_before_was_not_decided_rightly() -> None:
    values = [scored("p", 0, 0.9, 1, NOW), scored("p", 1, 0.1, 2, NOW)]
    decision = only(fed(values[:1]))
    late = decision.model_copy(update={"through_offset": 1})
    assert differences(late, _log(*values), 0) == [Difference("through_offset", 1, 0)]


def test_memory_that_was_short_leads_to_review_alone() -> None:
    values = [scored("p", 0, 0.9, at=NOW)]
    gate = PartitionGate(0, policy(), most_bytes=100)
    gate.apply(enumerate(values), NOW)
    decision = only(gate)
    assert differences(decision, _log(*values), 0) == []
    accepted = decision.model_copy(update={"action": Action.ACCEPT, "review": False})
    assert _names(differences(accepted, _log(*values), 0)) == ["action", "review"]


def test_what_retention_has_deleted_cannot_be_made_again() -> None:
    decision = only(fed([scored("p", 0, 0.9, 1)]))
    with pytest.raises(CannotRemakeError, match="none of its records"):
        differences(decision, [], 0)


def test_a_revision_needs_the_decision_that_it_replaced() -> None:
    values = [scored("p", 0, 0.9, 1, NOW), scored("p", 0, 0.1, 1, NOW + 1)]
    first, second = decisions(fed(values, policy(late={"rule": "revise"})))
    assert differences(second, _log(*values), 0, before=first) == []
    with pytest.raises(CannotRemakeError, match="revision 0"):
        differences(second, _log(*values), 0)


def test_a_version_that_may_cut_the_parent_otherwise_has_to_be_known() -> None:
    ranges = policy(window={"by": "index", "size": 2})
    second = ranges.model_copy(update={"version": 2})
    marker = PolicyActivated(name="test", version=2, digest=second.digest()).to_json()
    values = [scored("p", 0, 0.9, at=NOW), marker, scored("p", 1, 0.9, at=NOW)]
    gate = PartitionGate(0, ranges, find_policy=lambda *_: second)
    gate.apply(enumerate(values), NOW)
    decision = only(gate)
    assert differences(decision, _log(*values), 0, find_policy=lambda *_: second) == []
    with pytest.raises(CannotRemakeError, match="test@2, activated at offset 1"):
        differences(decision, _log(*values), 0)
