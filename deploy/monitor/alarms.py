"""When a pass rate is an alarm. Pure: what was told before is learnt from the topic, so that a restart repeats nothing.

Each pane, once it is over, ends a window that is judged: so a source that turns bad is told of within one window. A
window with few decisions says nothing. An alarm is raised when the rate is outside its band, and cleared when it is
back, or when the group has had no decision for as long as the view is.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from deploy.monitor.facts import Group, Terms
from deploy.monitor.tables import PANES, Tables
from schemas.alarms import ActionCounts, Alarm, AlarmPolicy
from schemas.policy import Action, PassRate

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://sluice.org/alarm/v1")
_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class _Finding:
    """What is to be told: of which window, by the pane that ends it."""

    group: Group
    why: str
    end: int
    counts: Mapping[str, int]


class Judge:
    """Judges windows in the order of time, each once."""

    def __init__(self, tables: Tables, min_decisions: int) -> None:
        """Take the tables that are judged, and how many decisions a window must have."""
        self._tables = tables
        self.minimum = min_decisions
        self._judged = -1  # the last pane that was
        self._told: dict[Group, int] = {}  # the end of the last window that something was told of
        self.active: dict[Group, Alarm] = {}
        self.latest: deque[Alarm] = deque(maxlen=_SHOWN)  # the newest last

    def learn(self, alarm: Alarm) -> None:
        """Take an alarm that was told, in the order of the topic."""
        group = _group_of(alarm)
        if alarm.window_end < self._told.get(group, 0) or any(alarm.id == one.id for one in self.latest):
            return  # another monitor told it too
        self._told[group] = alarm.window_end
        self.latest.append(alarm)
        if alarm.state == "raised":
            self.active[group] = alarm
        else:
            self.active.pop(group, None)

    def judge(self, now: int) -> list[Alarm]:
        """Return what is to be told by now (ms), and learn it.

        A pane is over when the clock, or a decision, is one pane past its end: decisions take a while to be read.
        """
        tables = self._tables
        if not tables.newest:
            return []
        pane = tables.pane_ms
        over = max(now, tables.newest) // pane - 2
        first = max(self._judged + 1, tables.first + PANES - 1)
        told: list[Alarm] = []
        groups = tables.groups() if first <= over else []
        for end in range(first, min(over, tables.last + PANES) + 1):
            for group in groups:
                told += self._judge(group, end, now)
        for group in list(self.active):
            told += self._quiet(group, over, now)
        self._judged = max(self._judged, min(over, tables.last + PANES))
        return told

    def _judge(self, group: Group, end: int, now: int) -> Iterable[Alarm]:
        """Judge the window of a group that ends with a pane."""
        tables, terms = self._tables, self._tables.terms.get(group)
        expected = terms.expected if terms else None
        if terms is None or expected is None or (end + 1) * tables.pane_ms <= self._told.get(group, 0):
            return
        counts = tables.actions(group, end - PANES + 1, end)
        decisions = counts.total()
        if decisions < self.minimum:
            return
        rate = counts[Action.ACCEPT] / decisions
        why = side(rate, expected)
        if (why == "within") == (group in self.active):
            yield self._tell(_Finding(group, why, end, counts), terms.digest, expected, now)

    def _quiet(self, group: Group, over: int, now: int) -> Iterable[Alarm]:
        """Clear the alarm of a group that has nothing left to be judged by."""
        tables, raised = self._tables, self.active[group]
        newest = max(tables.newest_of.get(group, 0), raised.window_end)
        if newest // tables.pane_ms + tables.panes > over:
            return
        yield self._tell(_Finding(group, "quiet", over, {}), raised.policy.digest, raised.expected, now)

    def _tell(self, found: _Finding, digest: str, expected: PassRate, now: int) -> Alarm:
        pane, counts, group = self._tables.pane_ms, found.counts, found.group
        decisions = sum(counts.values())
        state = "cleared" if found.why in {"within", "quiet"} else "raised"
        start, stop = (found.end - PANES + 1) * pane, (found.end + 1) * pane
        alarm = Alarm.model_validate(
            {
                "id": str(uuid.uuid5(NAMESPACE, "\n".join(map(str, (state, *group, start, stop))))),
                "state": state,
                "why": found.why,
                "source": group.source,
                "kind": group.kind,
                "policy": AlarmPolicy(name=group.policy, version=group.version, digest=digest),
                "window_start": start,
                "window_end": stop,
                "rate": counts.get(Action.ACCEPT, 0) / decisions if decisions else None,
                "expected": expected,
                "counts": ActionCounts(**{action.value: counts.get(action, 0) for action in Action}),
                "told_at": now,
            }
        )
        self.learn(alarm)
        return alarm


def side(rate: float, expected: PassRate) -> str:
    """Return where a rate is: `below` or `above` its band, or `within` it. The edges belong to the band."""
    if rate < expected.low:
        return "below"
    return "above" if rate > expected.high else "within"


def standing(tables: Tables, judge: Judge, group: Group) -> str:
    """Return how a group stands for people: `alarm`, `in_band`, `few` decisions, `quiet` or `no_band`."""
    terms: Terms | None = tables.terms.get(group)
    if group in judge.active:
        return "alarm"
    decisions = tables.actions(group, tables.last - PANES + 1, tables.last).total()
    if not decisions:
        return "quiet"
    if terms is None or terms.expected is None:
        return "no_band"
    return "few" if decisions < judge.minimum else "in_band"


def _group_of(alarm: Alarm) -> Group:
    return Group(alarm.source, alarm.kind, alarm.policy.name, alarm.policy.version)
