"""When canaries are scored, and what their folder may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.workers.canaries import KIND, canaries_of, domain_in
from tests.unit.workers.heads import MeanLevel
from workers.domains import Domain
from workers.watch.rounds import IDLE_SHARE, SHARE, Held, Plan, Timetable
from workers.watch.store import ITEMS, RECORD, CanaryError, load, load_all, save

PLAN = Plan(seconds=60.0, hold_seconds=2.0, items=100)


def waiting(
    count: int = 1, since: float = 0.0, *, idle: bool = False, crowded: bool = False, hurry: bool = False
) -> Held:
    return Held(count, frozenset({KIND}), since, idle, crowded, hurry)


def test_each_kind_has_its_turn_without_items_too() -> None:
    times = Timetable(PLAN, ["a", "b"], now=0.0)
    assert times.due(4.0, Held()) == []
    assert times.due(5.0, Held()) == ["a"]
    times.ended(["a"], 5.1, 0.1)
    assert times.due(9.0, Held()) == []
    assert times.due(10.0, Held()) == ["b"]
    times.ended(["b"], 10.1, 0.1)
    assert times.due(65.0, Held()) == []
    assert times.due(65.2, Held()) == ["a"]


def test_an_answer_waits_for_its_time_while_others_are_scored_and_not_when_nothing_is() -> None:
    times = Timetable(PLAN, [KIND], now=0.0)
    assert times.due(1.0, waiting()) == []
    assert times.due(1.0, waiting(idle=True)) == [KIND]
    assert times.due(2.0, waiting()) == [KIND]


def test_canaries_take_no_more_than_their_share_by_time() -> None:
    times = Timetable(PLAN, [KIND], now=0.0)
    times.ended([KIND], 10.0, 3.0)
    again = 10.0 + 3.0 / SHARE - 3.0
    assert times.due(again - 0.1, waiting()) == []
    assert times.due(again + 0.1, waiting()) == [KIND]
    idle = 10.0 + 3.0 / IDLE_SHARE - 3.0
    assert times.due(idle - 0.1, waiting(idle=True)) == []
    assert times.due(idle + 0.1, waiting(idle=True)) == [KIND]


def test_a_full_budget_or_a_hurry_does_not_ask_for_the_share() -> None:
    times = Timetable(PLAN, [KIND], now=0.0)
    times.ended([KIND], 10.0, 1000.0)
    assert times.due(10.0, waiting(49, since=10.0)) == []
    assert times.due(10.0, waiting(50, since=10.0)) == [KIND]
    assert times.due(10.0, waiting(since=10.0, crowded=True)) == []
    assert times.due(10.0, waiting(since=10.0, crowded=True, idle=True)) == [KIND]
    assert times.due(10.0, waiting(since=10.0, hurry=True, idle=True)) == [KIND]


def test_what_looks_wrong_is_checked_at_once() -> None:
    times = Timetable(PLAN, ["a", "b"], now=0.0)
    times.ask(["a", "b", "unknown"])
    assert times.due(0.0, Held()) == ["a", "b"]
    times.ended(["a", "b"], 0.5, 0.5)
    assert times.due(0.5, Held()) == []


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    return domain_in(tmp_path / "head", MeanLevel())


def test_canaries_are_read_as_they_were_written_and_written_alike(tmp_path: Path, domain: Domain) -> None:
    head, own = tmp_path / "head", canaries_of(domain)
    assert load(head, domain) is None
    save(head, own)
    first = (head / "canaries" / ITEMS).read_bytes()
    save(head, own)
    assert (head / "canaries" / ITEMS).read_bytes() == first
    assert load(head, domain) == own
    assert load_all(tmp_path, {KIND: domain}) == {KIND: own}


def test_canaries_of_another_head_are_refused_and_the_word_says_what_to_do(tmp_path: Path, domain: Domain) -> None:
    own = canaries_of(domain)
    other = own.record.model_copy(update={"scorer": "b" * 64})
    save(tmp_path / "head", type(own)(other, own.items))
    with pytest.raises(CanaryError, match="sluice canary record --heads"):
        load(tmp_path / "head", domain)


def test_altered_canaries_are_refused(tmp_path: Path, domain: Domain) -> None:
    own = canaries_of(domain)
    save(tmp_path / "head", type(own)(own.record, (*own.items[:-1], own.items[0])))
    with pytest.raises(CanaryError, match="does not hold canary"):
        load(tmp_path / "head", domain)
    (tmp_path / "head" / "canaries" / ITEMS).write_bytes(b"no zip")
    with pytest.raises(CanaryError, match="cannot be read"):
        load(tmp_path / "head", domain)
    (tmp_path / "head" / "canaries" / RECORD).write_text("{}")
    with pytest.raises(CanaryError, match="cannot be read"):
        load(tmp_path / "head", domain)
