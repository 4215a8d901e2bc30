"""Audited parents that were accepted, as labels judge them, in the order of the labels. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deploy.calibrate.acceptance import accept_edge, alike
from deploy.calibrate.decided import Windows
from deploy.calibrate.result import Calibration, Validity
from deploy.labels.counting import Conflicts, by_target, counted
from schemas.decisions import Decision
from schemas.labels import LabelGiven
from schemas.policy import Action, Rule


@dataclass(frozen=True, slots=True)
class Audited:
    """One accepted parent that a person has checked, and the probability with which it was drawn for that."""

    label: LabelGiven
    decision: Decision
    bad: bool
    probability: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions are watched.

    Attributes:
        calibration: whose guarantee is watched: decisions of its sources, kinds and scorers, made after those that it
            was made from, whose rule accepts no less than its threshold; None: all decisions.
        rules: that the calibration's policy has, by kind and source of a decision.
        sources, kinds: further limits; empty: all.
        least_probability: the smallest with which a parent is ever audited; None: that of the audits.
        since: only what was decided at this time (ms) or later.
        conflicts: what becomes of labels of people who disagree.
    """

    calibration: Calibration | None = None
    rules: Mapping[tuple[str, str], Rule] = field(default_factory=dict)
    sources: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    since: int = 0
    conflicts: Conflicts = "majority"
    least_probability: float | None = None

    def asked(self, decision: Decision) -> bool:
        """Tell whether a decision is of those that were asked for."""
        return (
            decision.timings.decided_at >= self.since
            and (not self.sources or decision.source in self.sources)
            and (not self.kinds or decision.kind in self.kinds)
        )

    def covers(self, decision: Decision) -> bool:
        """Tell whether the guarantee is about a decision."""
        if self.calibration is None:
            return True
        if decision.timings.closed_at <= self.calibration.through_at:
            return False
        part = next((one for one in self.calibration.parts if _within(one.valid_for, decision)), None)
        if part is None or part.threshold is None or not set(decision.scorers) <= set(part.valid_for.scorers):
            return False
        edge = _edge(decision.policy.rule)
        own = self.rules.get((decision.kind, decision.source), decision.policy.rule)
        return edge is not None and edge >= part.threshold and alike(own, decision.policy.rule)


def _edge(rule: Rule) -> float | None:
    try:
        return accept_edge(rule)
    except ValueError:
        return None  # no threshold accepts like that, so none was guaranteed


def _within(valid: Validity, decision: Decision) -> bool:
    known = decision.source in valid.sources and decision.kind in valid.kinds
    return known and (decision.kind, decision.source) not in valid.unjudged


@dataclass(slots=True)
class Audits:
    """What was found.

    Attributes:
        found: in the order in which they were judged.
        waiting: accepted parents that were drawn, and have no label yet.
        not_covered: labelled and drawn, but the guarantee is not about them.
        not_drawn: labels of accepted parents that no audit drew: they may be chosen for a reason, and are not used.
        further: windows of parents of which an earlier one was found: alike, and so no audit of their own.
        not_judged: drawn, and nobody could judge them, or people disagree.
    """

    found: list[Audited] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    not_covered: list[str] = field(default_factory=list)
    not_drawn: list[str] = field(default_factory=list)
    further: list[str] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)


def audited(labels: Iterable[LabelGiven], windows: Windows, wanted: Wanted) -> Audits:
    """Return the audited parents among the accepted ones."""
    given: defaultdict[tuple[str, str | None], list[LabelGiven]] = defaultdict(list)
    for own in by_target(labels).values():
        if own[0].of_parent:
            given[own[0].parent_id, own[0].window] += own
    audits = Audits()
    for parent, own_windows in windows.items():
        for window, decision in own_windows.items():
            if decision.action == Action.ACCEPT and wanted.asked(decision):
                whole = given.get((parent, None), []) if len(own_windows) == 1 else []
                _take(audits, decision, [*whole, *given.get((parent, window), [])], wanted)
    audits.found.sort(key=lambda one: (one.label.at, one.label.id))
    _keep_first(audits)
    return audits


def _keep_first(audits: Audits) -> None:
    """Keep the first window of each parent, in the order of the labels."""
    first: dict[str, Audited] = {}
    for one in audits.found:
        if first.setdefault(one.decision.parent_id, one) is not one:
            audits.further.append(one.decision.parent_id)
    audits.found = list(first.values())


def _take(audits: Audits, decision: Decision, own: list[LabelGiven], wanted: Wanted) -> None:
    drawn = decision.audit is not None and decision.audit.selected
    if not own:
        if drawn and wanted.covers(decision):
            audits.waiting.append(decision.parent_id)
        return
    probability = decision.audit.probability if decision.audit is not None and drawn else None
    if decision.audit is None:
        probability = own[0].probability
    if probability is None:
        audits.not_drawn.append(decision.parent_id)
        return
    if not wanted.covers(decision):
        audits.not_covered.append(decision.parent_id)
        return
    cut = decision.policy.rule.bad_below
    same = [label.model_copy(update={"window": decision.window}) for label in own]
    result = counted(same, wanted.conflicts, cut)
    if not result.judged:
        audits.not_judged.append(decision.parent_id)
        return
    label = result.judged[0].label
    audits.found.append(Audited(label, decision, (label.value or 0.0) < cut, probability))
