"""Whether a window could be closed where it was, for the cause that its decision names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schemas.policy import Rule
from tests.chaos.rulings import Record, expected_of, find, outcomes
from tests.chaos.scorelog import Partition, Placed


class Stretch(NamedTuple):
    """A window from where it was opened, or opened once more by a late item, to where it was closed."""

    window: str  # without the mark of one that was opened again
    rule: Rule
    records: Sequence[Placed]  # all of the window
    begin: int  # place of the record that opened it
    end: int  # place behind the last one that it took


def illegal(stretch: Stretch, decision: Record, partition: Partition) -> str | None:
    """Return what is wrong with where a window was closed, and why, or None."""
    through, cause = decision["through_offset"], decision["cause"]
    closed_at = decision["timings"]["closed_at"]
    must, why = _closing(stretch, partition)
    if must is not None and must < through:
        return f"it was {why} at {must} and passed over until {through}"
    if "@" in decision["window"]:
        if cause != "reopened":
            return f"cause {cause!r} of a window that was opened again"
        early = "early" if "bounds" in decision else _by_time(stretch, closed_at, partition)
        cause = why if must == through else early
    if must == through:
        known = partition.time_at(through)
        if cause == why:
            return None if closed_at == known else f"closed at {closed_at}, and stream time was {known}"
        return f"cause {cause!r}, not {why!r}"
    if cause == "early":
        return _not_settled(stretch, through, reopened="@" in decision["window"])
    return _without_evidence(stretch, decision, cause, partition)


def _closing(stretch: Stretch, partition: Partition) -> tuple[int | None, str]:
    """Return where a window is closed at the latest, by its records and stream time alone, and why."""
    opened_at = partition.time_at(stretch.records[stretch.begin][0])
    answered = {record.index for _, record in stretch.records[: stretch.begin] if record.type != "ParentEnded"}
    counts: set[int | None] = set()
    expected = None
    for place in range(stretch.begin, stretch.end):
        offset, record = stretch.records[place]
        if record.type == "ParentEnded":
            return offset, "end"
        answered.add(record.index)
        if record.count not in counts:
            counts.add(record.count)
            expected = expected_of([one for _, one in stretch.records[: place + 1]], stretch.window, stretch.rule)
        if expected is not None and len(answered) >= expected:
            return offset, "complete"
        active_at = partition.time_at(offset)
        due = min(active_at + stretch.rule.idle_ms, opened_at + stretch.rule.max_age_ms)
        reached = partition.reached(due, offset)
        following = stretch.records[place + 1][0] if place + 1 < len(stretch.records) else None
        if reached is not None and (following is None or reached < following):
            idle = active_at + stretch.rule.idle_ms <= partition.time_at(reached)
            return reached, "idle" if idle else "max_age"
    return None, ""


def _by_time(stretch: Stretch, time: int, partition: Partition) -> str:
    """Return which cause the time alone gives, where it is over."""
    opened_at = partition.time_at(stretch.records[stretch.begin][0])
    active_at = partition.time_at(stretch.records[stretch.end - 1][0])
    if active_at + stretch.rule.idle_ms <= time:
        return "idle"
    return "max_age" if opened_at + stretch.rule.max_age_ms <= time else "none"


def _without_evidence(stretch: Stretch, decision: Record, cause: str, partition: Partition) -> str | None:
    """Return what speaks against a closing by the wall clock: it needs evidence that nothing was on its way."""
    timings, through = decision["timings"], decision["through_offset"]
    closed_at = timings["closed_at"]
    allowed = _by_time(stretch, closed_at, partition)
    if cause != allowed or allowed == "none":
        return f"cause {cause!r}; by time it was {allowed!r}"
    if closed_at > timings["decided_at"]:
        return "it was decided before it was closed"
    after = partition.logged_after(through)
    if after is not None and after < closed_at:
        return f"closed by the clock at {closed_at}, and a score was there since {after}"
    return None


def _not_settled(stretch: Stretch, through: int, *, reopened: bool) -> str | None:
    if not stretch.rule.early:
        return "decided early, without a rule for it"
    if stretch.records[stretch.end - 1][0] != through:
        return "decided early, and not at one of its own items"
    records = [record for _, record in stretch.records[: stretch.end]]
    if expected_of(records, stretch.window, stretch.rule) is None:
        return "decided early, and nobody knows how many items there are"
    possible = outcomes(find(records, stretch.window, stretch.rule, reopened=reopened), stretch.rule)
    return None if len(possible) == 1 else f"decided early, and could still become {' or '.join(sorted(possible))}"
