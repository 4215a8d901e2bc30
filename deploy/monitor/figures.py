"""The tables as JSON: a function of what was read, without a clock, so that a rebuilt monitor gives the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from deploy.monitor.alarms import Judge, standing
from deploy.monitor.facts import Group, Totals
from deploy.monitor.spread import Spread, spread
from deploy.monitor.tables import PANES, Tables
from schemas.alarms import Alarm
from schemas.policy import Action

_DIGITS: Final = 6
_ITEMS: Final = ("scored", "failed", "skipped", "missing", "remaining", "late", "duplicate")


def figures(tables: Tables, judge: Judge) -> dict[str, Any]:
    """Return all tables. Times are ms since 1970 UTC, shares and scores are in [0,1].

    `window` of a group is the last window of the view, which its newest decision ends, and `view` are all of them.
    `series` has a number for each pane, from `view_start` on.
    """
    tables.settle()
    begun = tables.newest > 0
    return {
        "window_ms": tables.window_ms,
        "pane_ms": tables.pane_ms,
        "view_start": tables.first * tables.pane_ms if begun else None,
        "view_end": (tables.last + 1) * tables.pane_ms if begun else None,
        "newest_decided_at": tables.newest or None,
        "groups": [_group(tables, judge, group) for group in tables.groups()],
        "alarms": [_alarm(judge, alarm) for alarm in reversed(judge.latest)],
        "rejects": [asdict(one) for one in reversed(tables.rejects)],
    }


def _group(tables: Tables, judge: Judge, group: Group) -> dict[str, Any]:
    terms = tables.terms[group]
    return {
        **group._asdict(),
        "digest": terms.digest,
        "rule": terms.scope._asdict(),
        "scorers": terms.scorers,
        "expected_pass_rate": terms.expected.model_dump() if terms.expected else None,
        "state": standing(tables, judge, group),
        "newest_decided_at": tables.newest_of[group],
        "window": _summary(tables, group, tables.last - PANES + 1),
        "view": _summary(tables, group, tables.first),
        "series": {action.value: tables.series(group, action.value) for action in Action},
    }


def _summary(tables: Tables, group: Group, first: int) -> dict[str, Any]:
    """Return the figures of a group from a pane on."""
    cells = list(tables.cells(group, first, tables.last))
    totals = Totals()
    for cell in cells:
        totals.add(cell.totals)
    decisions = totals.decisions
    return {
        "decisions": decisions,
        **{action.value: totals.actions[action] for action in Action},
        **{f"{action.value}_rate": _share(totals.actions[action], decisions) for action in Action},
        "flagged": totals.flagged,
        "revisions": totals.revisions,
        "causes": {cause: number for cause, number in sorted(totals.causes.items()) if number},
        "items": {name: totals.items[name] for name in _ITEMS},
        "open_seconds_mean": round(totals.open_ms / decisions / 1000, 3) if decisions else None,
        "score": _score(spread(cell.scores for cell in cells)),
    }


def _score(found: Spread | None) -> dict[str, Any] | None:
    if found is None:
        return None
    deciles = {f"p{rank}0": round(value, _DIGITS) for rank, value in enumerate(found.deciles, start=1)}
    exact = {"min": found.low, "max": found.high, "mean": found.mean, "std": found.std}
    return {"n": found.n, **{name: round(value, _DIGITS) for name, value in exact.items()}, **deciles}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, _DIGITS) if whole else None


def _alarm(judge: Judge, alarm: Alarm) -> dict[str, Any]:
    return {**alarm.model_dump(mode="json"), "active": any(alarm.id == one.id for one in judge.active.values())}
