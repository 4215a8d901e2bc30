"""What the labels of a part can speak for, and what nobody judged: actions, sources and kinds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from deploy.calibrate.acceptance import accept_edge
from deploy.calibrate.edges import Scope
from deploy.calibrate.errors import CalibrationError
from deploy.calibrate.figures import origins, reject_below
from deploy.calibrate.joining import Row
from deploy.calibrate.result import Drawn
from schemas.policy import ANY, Action, Policy, Rule

Actions = Mapping[tuple[str, str, str], int]
"""Decisions by kind, source and action."""

_CHANCE: Final = 0.01  # that labels drawn as they say miss all accepted parents of a source
_ENOUGH: Final = 10.0  # expected labels from which on their share is compared
_FACTOR: Final = 2.0
_DRAW: Final = "drawn with a known probability, as the rule's `audit: {accept: 0.05}` does"


@dataclass(frozen=True, slots=True)
class Floor:
    """The lowest score that the labels say anything about, and the actions without a label for which it is there."""

    edge: float
    actions: tuple[Action, ...]


def drawn_of(rows: Sequence[Row], actions: Actions) -> tuple[Drawn, ...]:
    """Return for each action how many decisions of the part's sources and kinds there are, and how many are judged."""
    own = origins(rows)
    there: Counter[str] = Counter()
    for (kind, source, action), count in actions.items():
        if (source, kind) in own:
            there[action] += count
    return tuple(
        Drawn(
            action=action.value,
            decisions=there[action.value],
            labels=sum(row.decision.action == action for row in rows),
            stands_for=sum(1.0 / row.probability for row in rows if row.decision.action == action),
        )
        for action in Action
    )


def check_accepted(rows: Sequence[Row], drawn: Sequence[Drawn], actions: Actions) -> None:
    """Check that accepted parents were judged: every threshold of use accepts most of them.

    Raises:
        CalibrationError: none has a label, or of one source and kind none has though so many are there that a draw
            with the labels' probability would have met one.
    """
    counts = "; ".join(f"{one.action} {one.labels} of {one.decisions}" for one in drawn if one.decisions)
    accepted = next(one for one in drawn if one.action == Action.ACCEPT)
    if accepted.decisions and not accepted.labels:
        raise CalibrationError(
            f"none of {accepted.decisions} accepted decisions has a label that counts (labels of decisions: {counts})."
            " Labels of the others say nothing about them, and a threshold would accept them unseen. Label accepted"
            f" parents, {_DRAW}"
        )
    own = [row for row in rows if row.decision.action == Action.ACCEPT]
    least = min((row.probability for row in own), default=1.0)
    judged = origins(own)
    for source, kind in sorted(origins(rows) - judged):
        count = actions.get((kind, source, Action.ACCEPT.value), 0)
        if count and (1.0 - least) ** count < _CHANCE:
            raise CalibrationError(
                f"none of {count} accepted decisions of {source} ({kind}) has a label that counts, and others of it"
                f" have: labels drawn with probability {least:g} or more would have met some. Label accepted parents of"
                f" it, {_DRAW}, or leave it out: --source and --kind name the others"
            )


def floor_of(rows: Sequence[Row], rule: Rule, drawn: Sequence[Drawn]) -> Floor | None:
    """Return where the threshold has to stay: above all that was sent to review, or rejected, and never judged."""
    rules = [rule, *(row.decision.policy.rule for row in rows)]
    missing = tuple(
        Action(one.action)
        for one in drawn
        if one.action != Action.ACCEPT and one.decisions and not _judged(Action(one.action), rows, rules)
    )
    if Action.REVIEW in missing:
        return Floor(max(map(_accepts_from, rules)), missing)
    return Floor(max(map(reject_below, rules)), missing) if missing else None


def _judged(action: Action, rows: Sequence[Row], rules: Sequence[Rule]) -> bool:
    """Whether labels tell of what an action's scores mean; those that no threshold can accept do not."""
    own = [row for row in rows if row.decision.action == action]
    if any(np.isfinite(row.score) for row in own):
        return True
    return bool(own) and not any(action in rule.actions.values() for rule in rules)


def _accepts_from(rule: Rule) -> float:
    try:
        edge = accept_edge(rule)
    except ValueError:
        return 1.0
    return 1.0 if edge is None else edge


def unjudged(
    rows: Sequence[Row], scopes: Sequence[Scope], rule: Rule, policy: Policy, actions: Actions
) -> tuple[Scope, ...]:
    """Return kinds and sources that have decisions and would get the threshold, and have no label."""
    own = {(row.decision.kind, row.decision.source) for row in rows}
    found = set()
    for kind, source, _ in (key for key, count in actions.items() if count):
        other = policy.rule_for(kind, source)
        named = any(one in {ANY, kind} and where in {ANY, source} for one, where in scopes)
        if named and (kind, source) not in own and (other.kind, other.source) == (rule.kind, rule.source):
            found.add((kind, source))
    return tuple(sorted(found))


def notes(drawn: Sequence[Drawn], floor: Floor | None, missing: Sequence[Scope], actions: Actions) -> Iterator[str]:
    """Yield what a reader has to know of what was judged."""
    if floor is not None:
        yield (
            f"no label tells of the decisions to {' or '.join(floor.actions)}: nothing is known of scores below"
            f" {floor.edge:g}, and the threshold stays at it or above"
        )
    for kind, source in missing:
        count = sum(actions.get((kind, source, action.value), 0) for action in Action)
        yield (
            f"{source} ({kind}) has {count} decisions under this rule and no label: the claim is not about it, and"
            " promote refuses to accept more of it. Label some of it, or calibrate by --source or --per source"
        )
    told = _uneven(drawn)
    if told:
        yield (
            f"{told}: that is not what the probabilities of the labels say. Check how parents were drawn; labels that"
            " were chosen for their score or action have another probability than the rest"
        )


def _uneven(drawn: Sequence[Drawn]) -> str:
    """Return the shares of decisions that labels stand for, where they are far apart; else nothing."""
    there = [one for one in drawn if one.decisions]
    decisions, stands = sum(one.decisions for one in there), sum(one.stands_for for one in there)
    labels = sum(one.labels for one in there)
    if not stands:
        return ""
    for one in there:
        expected = one.decisions / decisions * stands
        if expected * labels / stands >= _ENOUGH and not expected / _FACTOR <= one.stands_for <= expected * _FACTOR:
            shares = (f"{own.stands_for / own.decisions:.0%} of {own.action}" for own in there)
            return f"the labels stand for {', '.join(shares)}"
    return ""
