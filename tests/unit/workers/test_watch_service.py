"""Answers wait for canaries, and a model that went wrong answers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.items import RawItem
from tests.unit.workers.canaries import KIND, Watched, picture
from tests.unit.workers.samples import item
from workers.cache import CacheCounts
from workers.entries import Entry
from workers.results import Failed, Scored, Skipped
from workers.watch.rounds import Plan

NEVER = 3600.0
Make = Callable[..., Watched]


class Kept:
    """A cache in memory."""

    def __init__(self) -> None:
        self.counts = CacheCounts()
        self.entries: dict[str, Entry] = {}

    def get_many(self, keys: list[str]) -> list[Entry | None]:
        return [self.entries.get(key) for key in keys]

    def put_many(self, entries: dict[str, Entry]) -> None:
        self.entries |= entries


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Watched] = []

    def one(**options: object) -> Watched:
        made.append(Watched(tmp_path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for each in made:
        each.service.close(drain=False)


def test_answers_come_in_order_and_once_after_a_passed_round(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=0.0))
    for token in range(40):
        gate.service.submit(token, picture(100 + token))
    found = gate.take(40)
    assert [token for token, _ in found] == sorted(token for token, _ in found)
    assert all(isinstance(result, Scored) for _, result in found)
    assert gate.service.status.passed >= 1
    assert gate.service.status.times.counts[-1] == 0
    assert sum(gate.service.status.times.counts) == 40


def test_nothing_is_answered_before_canaries_have_passed_after_it(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=NEVER, items=1000))
    gate.service._times._cost = float("inf")  # it is not time for canaries, whatever waits
    for token in range(8):
        gate.service.submit(token, picture(100 + token))
    assert gate.until(lambda: gate.service.status.held == 8) == []
    assert gate.service.status.passed == 0


def test_a_fault_after_load_stops_everything_and_a_repair_starts_it_again(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=0.0))
    gate.service.submit(0, picture(120))
    assert gate.take(1)
    gate.encoder.wrong = True
    for token in range(1, 9):
        gate.service.submit(token, picture(120 + token))
    assert gate.until(lambda: "scoring_resumed" in gate.told()) == []
    assert gate.told() == ["canaries_failed", "scoring_resumed"]
    assert gate.service.status.dropped == 8
    assert gate.repairs == 1
    gate.service.submit(9, picture(140))
    assert [token for token, _ in gate.take(1)] == [9]


def test_while_halted_it_says_why_and_takes_nothing(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=0.0), mend=False)
    gate.encoder.wrong = True
    gate.service.submit(0, picture(120))
    assert gate.until(lambda: gate.service.status.failed >= 2) == []  # a repair did not help
    assert "canaries differ by more than 0.001" in gate.service.status.halted
    gate.service.submit(1, picture(121))
    gate.mend = True
    assert gate.until(lambda: not gate.service.status.halted) == []
    gate.service.submit(2, picture(122))
    assert [token for token, _ in gate.take(1)] == [2]


def test_a_repair_that_raises_is_told_and_tried_again(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=0.0))
    helps, calls = gate.service._mender._repair, iter((True, False))

    def fails_once() -> object:
        if next(calls):
            raise OSError("the disk is gone")
        return helps()

    gate.service._mender._repair = fails_once  # type: ignore[assignment]
    gate.encoder.wrong = True
    gate.service.submit(0, picture(120))
    gate.until(lambda: "scoring_resumed" in gate.told())
    assert gate.told() == ["canaries_failed", "repair_failed", "scoring_resumed"]


def test_what_a_faulty_model_embedded_never_reaches_the_cache(make: Make) -> None:
    cache = Kept()
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=0.0), cache=cache)
    gate.encoder.wrong = True
    gate.service.submit(0, picture(120))
    gate.until(lambda: "scoring_resumed" in gate.told())
    assert cache.entries == {}
    gate.service.submit(1, picture(120))
    ((_, result),) = gate.take(1)
    gate.service._entries.close()  # what was released is written by then
    assert isinstance(result, Scored)
    assert not result.cached
    assert result.embedding in cache.entries


def test_canaries_are_never_scored_from_the_cache_nor_kept_there(make: Make) -> None:
    cache = Kept()
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=0.0), cache=cache)
    same = gate.canaries.items[0]  # somebody publishes the very bytes of a canary
    gate.service.submit(0, RawItem(same.envelope, same.value))
    gate.take(1)
    assert gate.until(lambda: len(cache.entries) == 1) == []
    gate.encoder.wrong = True
    gate.service.check_soon()
    gate.until(lambda: gate.service.status.failed == 1)
    assert gate.scorer.counts["encoder_calls"] == 1
    assert gate.scorer.effort.canaries >= 2 * len(gate.canaries.items)


def test_what_was_begun_is_answered_at_once_when_partitions_are_about_to_go(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=NEVER, items=1000))
    gate.service._times._cost = float("inf")
    for token in range(8):
        gate.service.submit(token, picture(100 + token))
    gate.until(lambda: gate.service.status.held == 8)
    assert gate.service.withdraw(lambda _: True) == []
    assert len(gate.take(8)) == 8


def test_half_of_what_may_be_in_flight_is_reason_enough_for_a_round(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=NEVER, items=16))
    gate.service._times._cost = float("inf")
    for token in range(8):
        gate.service.submit(token, picture(100 + token))
    assert len(gate.take(8)) == 8


def test_when_nothing_more_may_be_taken_what_waits_does_not_wait_for_long(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=NEVER, items=1000))
    gate.service._times._cost = float("inf")
    gate.service.crowded = lambda: True  # the bytes are used up
    for token in range(3):
        gate.service.submit(token, picture(100 + token))
    assert len(gate.take(3)) == 3


def test_with_the_policy_off_a_failed_round_is_an_alarm_only(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold=False))
    gate.encoder.wrong = True
    gate.service.submit(0, picture(120))
    assert len(gate.take(1)) == 1
    gate.service.check_soon()
    gate.until(lambda: "canaries_failed" in gate.told())
    gate.service.submit(1, picture(121))
    assert len(gate.take(1)) == 1
    assert gate.repairs == 0
    assert not gate.service.status.findings[KIND].passed


def test_kinds_without_canaries_and_answers_that_no_model_gave_do_not_wait(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=NEVER, items=1000))
    gate.service._times._cost = float("inf")
    gate.service.submit(0, item(b"x", "unheard-of", "text/plain"))
    gate.service.submit(1, item(b"", KIND, "image/png", empty=True))
    found = dict(gate.take(2))
    assert isinstance(found[0], Failed)
    assert isinstance(found[1], Skipped)


def test_an_item_without_a_number_goes_to_the_error_route(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=0.0))
    gate.encoder.nan = {120}
    gate.service.submit(0, picture(120))
    ((_, result),) = gate.take(1)
    assert isinstance(result, Failed)
    assert result.cause == "non_finite"


def test_a_model_that_returns_no_numbers_at_all_buries_nothing(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold_seconds=0.0), mend=False)
    gate.encoder.nan = set(range(256))
    gate.service.submit(0, picture(120))
    assert gate.until(lambda: bool(gate.service.status.halted)) == []
    assert "canaries got no score" in gate.service.status.halted


def test_canaries_are_scored_at_their_interval_without_any_items(make: Make) -> None:
    gate = make(plan=Plan(seconds=0.01))
    gate.until(lambda: gate.service.status.passed >= 2)
    gate.encoder.wrong = True
    gate.until(lambda: gate.service.status.failed == 1)


def test_under_revise_answers_go_out_at_once_and_those_since_the_last_passed_round_are_taken_back(make: Make) -> None:
    gate = make(plan=Plan(seconds=NEVER, hold=False, revise=True))
    for token in range(4):
        gate.service.submit(token, picture(100 + token))
    assert len(gate.take(4)) == 4
    gate.service.check_soon()
    gate.until(lambda: gate.service.status.passed == 1)
    for token in range(4, 8):
        gate.service.submit(token, picture(100 + token))
    assert len(gate.take(4)) == 4
    assert gate.service.take_back() == []
    gate.encoder.wrong = True
    gate.service.check_soon()
    gate.until(lambda: gate.service.status.failed == 1)
    assert sorted(gate.service.take_back()) == [4, 5, 6, 7]
    assert gate.service.take_back() == []
    gate.until(lambda: not gate.service.status.halted)
    assert gate.service.status.withdrawn == 4
