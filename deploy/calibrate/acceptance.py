"""What a decision says of a threshold that is not its policy's: would the parent have been accepted? Pure.

A parent is accepted when its score reaches the threshold and nothing else stands against it. An early decision knows
its final score within bounds alone. Read against the guarantee, a bad parent counts as accepted where it may have been,
and a good one where it must have been: both can only make the accepted look worse than they are.
"""

from __future__ import annotations

import math
from typing import Final

from schemas.decisions import Decision
from schemas.policy import Action, Label, Rule

_NOTES: Final = frozenset({"failed_items", "ruled_items", "mixed_scorers"})  # they change nothing about the action
_OF_REJECTS: Final = frozenset({"uncalibrated_head"})  # it stands against rejecting alone
_BY_SCORE: Final = ("window", "method", "completeness", "idle_ms", "max_age_ms", "late", "early", "items")
NEVER: Final = -math.inf


def score_of(decision: Decision, *, bad: bool) -> float:
    """Return the score by which a threshold accepts a parent; -inf where none does.

    Args:
        decision: the last revision of its window.
        bad: what its label says.
    """
    if decision.score is None or decision.label is None or _stopped(decision):
        return NEVER
    if decision.bounds is None or decision.cause != "early":
        return decision.score
    return decision.bounds.upper if bad else decision.bounds.lower


def _stopped(decision: Decision) -> bool:
    """Whether something else than its score sent a parent to review."""
    rule = decision.policy.rule
    flags = {one.name for one in rule.items if one.then == "review"}
    if any(reason in flags or reason not in _NOTES | _OF_REJECTS for reason in decision.reasons):
        return True
    own = rule.actions[decision.label] if decision.label is not None else Action.REVIEW
    return decision.action != own and not _OF_REJECTS & set(decision.reasons)


def alike(one: Rule, other: Rule) -> bool:
    """Whether two rules make the same scores of the same items: they differ in edges, actions and audits at most."""
    return all(getattr(one, name) == getattr(other, name) for name in _BY_SCORE)


def accepting(rule: Rule) -> list[Label]:
    """Return the labels whose action is accept, the highest first."""
    return [label for label in Label if rule.actions[label] == Action.ACCEPT]


def accept_edge(rule: Rule) -> float | None:
    """Return the lowest score that a rule accepts; None where it accepts none.

    Raises:
        ValueError: a band above an accepted one is not accepted, so that there is no such edge.
    """
    own = accepting(rule)
    if own != list(Label)[: len(own)]:
        raise ValueError(f"accepts {', '.join(own)}, and not all bands above")
    if not own:
        return None
    edges = {Label.HIGH: rule.thresholds.high, Label.MEDIUM: rule.thresholds.medium, Label.LOW: rule.thresholds.low}
    return edges.get(own[-1], 0.0)
