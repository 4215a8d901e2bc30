"""A decision made again from its record and the records on `scores`, and held against what was written.

What closed a window by time cannot be made again to the millisecond: stream time may have been ahead of the records
that are at hand, and where nothing flowed the wall clock has closed it. So a time of closing is accepted that the
records and the rule allow. That memory was short, or that retention had been there first, is accepted too, since no
record tells, and it can only lead to review. Everything else follows from the records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from aggregation.decision import Closing, write
from aggregation.known import DecidedWindows, Known
from aggregation.refill import FindPolicy, Refill, UnknownVersionError
from aggregation.ruling import Ruling, foresee, rule_on, weigh
from aggregation.spans import key_of
from aggregation.window import Window
from schemas import wire
from schemas.decisions import Cause, Decision

NOT_COMPARED = "decided_at"
_OPEN = "none: nothing closes it there"

Records = Iterable[tuple[int, wire.ScoreRecord]]
"""Records of a partition of `scores`, each with its offset, in their order."""


class CannotRemakeError(LookupError):
    """What a decision was made from is not all at hand; the text says what is missing."""


class Remade(NamedTuple):
    """A decision as it would be written now.

    Attributes:
        record: JSON.
        closed: whether anything closes the window where it was closed.
    """

    record: bytes
    closed: bool


class Difference(NamedTuple):
    """A field that is not as it would be written now. `field` is its path; a value is None where it is left out."""

    field: str
    written: Any
    again: Any


def differences(
    decision: Decision,
    records: Records,
    partition: int,
    *,
    before: Decision | None = None,
    find_policy: FindPolicy = lambda *_: None,
) -> list[Difference]:
    """Make a decision again and return what differs; `decided_at` alone is not compared. Arguments: see `remake`.

    Raises:
        CannotRemakeError: what it was made from is not all at hand.
    """
    remade = remake(decision, records, partition, before=before, find_policy=find_policy)
    written, again = _fields(decision), _fields(Decision.model_validate_json(remade.record))
    if not remade.closed:
        again["cause"] = _OPEN
    names = sorted(written.keys() | again.keys())
    return [
        Difference(name, written.get(name), again.get(name)) for name in names if written.get(name) != again.get(name)
    ]


def remake(
    decision: Decision,
    records: Records,
    partition: int,
    *,
    before: Decision | None = None,
    find_policy: FindPolicy = lambda *_: None,
) -> Remade:
    """Make a decision again.

    Args:
        decision: what was written; its rule is applied, and its window and revision are made.
        records: of its partition, from its first offset through its last. Those of other parents may be left out.
        partition: where the records are.
        before: the decision that it replaces; needed for a revision.
        find_policy: finds the versions that were activated while the window was open; needed where the parent is cut
            into several windows, since each version may cut it in another way.

    Raises:
        CannotRemakeError: what it was made from is not all at hand.
    """
    again, last = _filled(decision, records, _replaced(decision, before), find_policy)
    window = again.window
    if window is None:
        raise CannotRemakeError("none of its records is there any more")
    window.truncated = decision.cause == "truncated"
    closed_by = again.closed_by
    ruling = None
    may_be_early = decision.policy.rule.early and decision.bounds is not None
    if closed_by is None and may_be_early and last == decision.through_offset:
        ruling = foresee(window)
    cause = closed_by or (None if ruling is None else "early") or _cause_by_time(decision, again, window)
    evidence = weigh(window, closed=ruling is None)
    if ruling is None:
        ruling = _ruling(window, decision, again)
    through = decision.through_offset if closed_by is None else last
    closed_at = max(decision.timings.closed_at, again.stream_time)
    named = _named(window, cause or decision.cause)
    closing = Closing(named, through, partition, closed_at, decision.timings.decided_at)
    return Remade(write(window, evidence, ruling, closing), closed=cause is not None)


def _filled(decision: Decision, records: Records, before: Known | None, find_policy: FindPolicy) -> tuple[Refill, int]:
    """Return the window as it was when its records closed it, or at the end, and the offset of its last record."""
    reference = decision.policy.model_dump_json().encode()
    again = Refill(decision.policy.rule, decision.window, reference=reference, before=before)
    last = -1
    for offset, record in records:
        if not decision.first_offset <= offset <= decision.through_offset:
            continue
        if isinstance(record, wire.PolicyActivated):
            _activate(again, record, find_policy, offset)
        elif record.parent_id != decision.parent_id:
            again.stream_time = max(again.stream_time, record.appended_at)
        elif again.take(offset, record):
            last = offset
            if again.closed_by is not None:
                break
    return again, last


def _activate(again: Refill, marker: wire.PolicyActivated, find_policy: FindPolicy, offset: int) -> None:
    try:
        again.activate(marker, find_policy)
    except UnknownVersionError as error:
        raise CannotRemakeError(f"{error}, activated at offset {offset}, is not to be found") from error


def _replaced(decision: Decision, before: Decision | None) -> Known | None:
    """Return what a gate remembered of the decision that a revision replaced."""
    if not decision.revision:
        return None
    if before is None or (before.window, before.revision + 1) != (decision.window, decision.revision):
        raise CannotRemakeError(f"revision {decision.revision - 1}, which it replaced, is not there")
    memory = DecidedWindows(1)
    memory.recall(before.to_json())
    return memory.find(key_of(before.parent_id, before.window))


def _cause_by_time(decision: Decision, again: Refill, window: Window) -> Cause | None:
    """Return what has closed a window that no record of its own did, or None where nothing may have."""
    if not window.waits:
        return None
    if _short_of_memory(decision):
        return "memory"
    rule, closed_at = decision.policy.rule, max(decision.timings.closed_at, again.stream_time)
    idle, old = closed_at >= window.active_at + rule.idle_ms, closed_at >= window.opened_at + rule.max_age_ms
    if decision.cause == "max_age":  # stream time may have been ahead, so that nothing was idle for so long
        return "max_age" if old else None
    return "idle" if idle else "max_age" if old else None


def _short_of_memory(decision: Decision) -> bool:
    return decision.cause == "memory" or (decision.cause in {"truncated", "reopened"} and "memory" in decision.reasons)


def _ruling(window: Window, decision: Decision, again: Refill) -> Ruling:
    obstacles = ["memory"] if _short_of_memory(decision) and again.closed_by is None else []
    if again.recut:
        obstacles.append("policy_changed")
    return rule_on(window, weigh(window), obstacles)


def _named(window: Window, cause: Cause) -> Cause:
    """Return a cause as a decision names it: what may lack items stands above all others."""
    return "truncated" if window.truncated else "reopened" if window.reopened else cause


def _fields(decision: Decision) -> dict[str, Any]:
    """Return all fields but the policy, which is what the decision is made again from."""
    return _flat(decision.model_dump(mode="json", exclude_none=True, exclude={"policy"}))


def _flat(record: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Return a record's fields by their paths. Lists are not taken apart."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{path}{name}.")
        elif name != NOT_COMPARED:
            found[path + name] = value
    return found
