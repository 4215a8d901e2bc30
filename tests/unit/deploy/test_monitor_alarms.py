"""A pass rate outside its band is told of once, within one window, and again when it is back."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.monitor.alarms import Judge, side, standing
from deploy.monitor.tables import Tables
from schemas.alarms import Alarm
from schemas.policy import PassRate
from tests.unit.deploy.monitored import NOON, decision

WINDOW = 60_000
EVERY = 1_000  # ms from one decision to the next
MINUTE = 60_000


def _flow(good: Callable[[int], bool], seconds: int, band: tuple[float, float] | None = (0.8, 1.0)) -> list[bytes]:
    """Return a decision each second; whether it is an accept depends on the second."""
    return [
        decision(f"p{n}", at=NOON + n * EVERY, action="accept" if good(n) else "reject", band=band).to_json()
        for n in range(seconds)
    ]


def _live(records: list[bytes], judge: Judge, tables: Tables, start: int = 0) -> list[Alarm]:
    """Read a record a second and judge after each, as a monitor does that follows."""
    told: list[Alarm] = []
    for number, record in enumerate(records, start):
        now = NOON + number * EVERY + 200
        tables.apply(record, now, now)
        told += judge.judge(now)
    return told


def _new(minimum: int = 20) -> tuple[Tables, Judge]:
    tables = Tables(WINDOW, 10)
    return tables, Judge(tables, minimum)


@settings(deadline=None, max_examples=8)
@given(turn=st.integers(130, 200), bad=st.floats(0.0, 0.5), seed=st.integers(0, 1000))
def test_a_source_that_turns_bad_is_told_of_within_one_window(turn: int, bad: float, seed: int) -> None:
    rng = random.Random(seed)
    tables, judge = _new()
    told = _live(_flow(lambda n: n < turn or rng.random() < bad, turn + 85), judge, tables)
    (alarm,) = told
    assert (alarm.state, alarm.why, alarm.source, alarm.policy.version) == ("raised", "below", "camera-1", 1)
    turned = NOON + turn * EVERY
    assert turned < alarm.window_end <= turned + WINDOW
    assert alarm.told_at <= turned + WINDOW + 2 * WINDOW // 6
    assert alarm.rate is not None
    assert alarm.rate < 0.8
    assert alarm.counts.accept / (alarm.counts.accept + alarm.counts.reject) == alarm.rate
    assert standing(tables, judge, next(iter(judge.active))) == "alarm"


def test_a_source_that_recovers_is_cleared_and_one_that_gets_too_good_is_told_of() -> None:
    tables, judge = _new()
    told = _live(_flow(lambda n: n < 120 or n >= 240, 420), judge, tables)
    assert [(one.state, one.why) for one in told] == [("raised", "below"), ("cleared", "within")]
    tables, judge = _new()
    told = _live(_flow(lambda n: n % 2 == 0 or n > 150, 300, band=(0.3, 0.7)), judge, tables)
    assert [(one.state, one.why) for one in told] == [("raised", "above")]


@pytest.mark.parametrize("case", ["in its band", "no band", "few decisions"])
def test_nothing_is_told_where_there_is_nothing_to_tell(case: str) -> None:
    good = (lambda n: n % 10 != 0) if case == "in its band" else (lambda n: n < 100)
    tables, judge = _new(61 if case == "few decisions" else 20)
    assert _live(_flow(good, 400, None if case == "no band" else (0.8, 1.0)), judge, tables) == []


@settings(deadline=None, max_examples=8)
@given(killed=st.integers(100, 400))
def test_a_monitor_that_is_killed_tells_all_that_another_tells_and_nothing_twice(killed: int) -> None:
    records = _flow(lambda n: n < 120 or n >= 240, 420)
    tables, judge = _new()
    whole = _live(records, judge, tables)
    tables, judge = _new()
    topic = _live(records[:killed], judge, tables)
    tables, judge = _new()
    for alarm in topic:
        judge.learn(alarm)
    now = NOON + killed * EVERY
    for record in records[:killed]:
        tables.apply(record, now, now)
    topic += judge.judge(now)
    topic += _live(records[killed:], judge, tables, killed)
    assert [one.id for one in topic] == [one.id for one in whole]
    assert len({one.id for one in topic}) == 2


def test_the_alarm_of_a_source_that_has_gone_is_cleared_as_quiet() -> None:
    tables, judge = _new()
    told = _live(_flow(lambda n: n < 120, 240), judge, tables)
    assert [one.state for one in told] == ["raised"]
    assert judge.judge(NOON + 240_000 + 5 * MINUTE) == []
    (cleared,) = judge.judge(NOON + 240_000 + 11 * MINUTE)
    assert (cleared.state, cleared.why, cleared.rate) == ("cleared", "quiet", None)
    assert judge.active == {}


def test_a_new_policy_version_is_judged_by_itself() -> None:
    tables, judge = _new()
    now = NOON + 5 * MINUTE
    for n in range(120):
        tables.apply(decision(f"a{n}", at=NOON + n * EVERY, action="accept").to_json(), now, now)
        worse = decision(f"b{n}", at=NOON + n * EVERY, action="reject", version=2)
        tables.apply(worse.to_json(), now, now)
    assert {(one.policy.version, one.state) for one in judge.judge(now)} == {(2, "raised")}


@pytest.mark.parametrize(("rate", "where"), [(0.8, "within"), (0.7999, "below"), (0.9, "within"), (0.9001, "above")])
def test_the_edges_belong_to_the_band(rate: float, where: str) -> None:
    assert side(rate, PassRate(low=0.8, high=0.9)) == where
