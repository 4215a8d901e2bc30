"""What a gate holds is bounded, and what it lets go of is gone."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from aggregation import PartitionGate
from aggregation.window import Window
from schemas.decisions import Decision
from tests.unit.aggregation.records import NOW, policy, scored, taken

A_DAY = 86_400_000


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def windows_alive() -> int:
    return sum(type(one) is Window for one in gc.get_objects())


def decisions(gate: PartitionGate) -> list[Decision]:
    return [Decision.model_validate_json(verdict.value) for verdict in taken(gate)]


def patient_gate(most_bytes: int | None = None) -> PartitionGate:
    return PartitionGate(0, policy(idle_ms=A_DAY, max_age_ms=A_DAY), most_bytes=most_bytes)


def test_above_the_bound_the_oldest_windows_go_to_review_and_none_is_dropped() -> None:
    gate = patient_gate(most_bytes=100_000)
    found = []
    for first in range(0, 1_000, 20):
        records = [scored(f"p{parent}", 0, 0.9, count=2) for parent in range(first, first + 20)]
        gate.apply(enumerate(records, first), NOW)
        found += decisions(gate)
        gate.checkpoint()
        assert gate.open_windows * 1_000 <= 100_000
    shed = len(found)
    gate.close_due(A_DAY * 2, NOW)
    found += decisions(gate)
    assert [decision.parent_id for decision in found] == [f"p{parent}" for parent in range(1_000)]
    assert {(decision.cause, decision.action) for decision in found[:shed]} == {("memory", "review")}
    assert gate.tally.shed == shed > 0


def test_a_window_that_keeps_too_many_decisions_from_being_forgotten_is_closed() -> None:
    gate = patient_gate(most_bytes=100_000)
    gate.apply([(0, scored("old", 0, 0.9, count=2))], NOW)
    found = []
    for offset in range(1, 1_001):
        gate.apply([(offset, scored(f"p{offset}", 0, 0.9, count=1))], NOW)
        found += decisions(gate)
        gate.checkpoint()
    assert [(one.parent_id, one.action) for one in found if one.cause == "memory"] == [("old", "review")]
    assert gate.checkpoint().low_watermark == 1_001


def test_a_parent_whose_decision_had_to_be_forgotten_early_is_reviewed_under_another_id() -> None:
    gate = patient_gate(most_bytes=10_000)
    records = [scored(f"p{parent}", 0, 0.9, count=1) for parent in range(100)]
    gate.apply(enumerate(records), NOW)
    first = {decision.parent_id: decision.id for decision in decisions(gate)}
    gate.checkpoint()
    gate.apply([(100, scored("p0", 1, 0.9, count=1))], NOW)
    (again,) = decisions(gate)
    assert (again.parent_id, again.cause, again.action) == ("p0", "reopened", "review")
    assert again.id != first["p0"]


@pytest.mark.usefixtures("_no_collector")
def test_a_gate_that_is_thrown_away_takes_its_windows_with_it() -> None:
    before = windows_alive()
    gate = patient_gate()
    gate.apply(enumerate(scored(f"p{parent}", 0, 0.9, count=2) for parent in range(100)), NOW)
    assert windows_alive() == before + 100
    del gate
    assert windows_alive() == before


@pytest.mark.usefixtures("_no_collector")
def test_windows_that_closed_long_before_they_were_due_do_not_linger() -> None:
    before = windows_alive()
    gate = patient_gate()
    gate.apply([(0, scored("old", 0, 0.9, count=2))], NOW)
    for first in range(1, 5_001, 500):
        gate.apply(((offset, scored(f"p{offset}", 0, 0.9, count=1)) for offset in range(first, first + 500)), NOW)
        taken(gate)
        assert windows_alive() <= before + 1_600
