"""How far a policy's thresholds move: each promotion may move each of them by a bounded step. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from deploy.policy.compare import Scope, scope_name
from schemas.experiments import Arm
from schemas.policy import ANY, Action, Label, Policy, Rule

ACCEPT_EDGE = "lowest score accepted"
REJECT_EDGE = "highest score rejected"


@dataclass(frozen=True, slots=True)
class Step:
    """The move of one threshold, in what applies to one kind and source."""

    scope: Scope
    field: str
    before: float
    after: float
    arm: Arm | None = None  # of an experiment of the policy after it

    @property
    def size(self) -> float:
        """How far it moved, in either direction; rounded to a billionth, so that 0.5 to 0.6 is 0.1."""
        return round(abs(self.after - self.before), 9)

    def __str__(self) -> str:
        """Return it in words."""
        arm = " in the arm of its experiment" if self.arm else ""
        return f"{self.field} from {self.before:g} to {self.after:g} for {scope_name(self.scope)}{arm}"


def steps(before: Policy, after: Policy) -> list[Step]:
    """Return all moves between two policies, the largest first.

    Compared is what applies to each kind with each source that one of them names, so that a rule that is added or taken
    away moves what applied before it. Beside the edges of the labels those of the actions count: to give a label
    another action moves what is accepted as much as a threshold does. Where the policy after it has an experiment, both
    of its arms are compared with what applied before without one.
    """
    moved = []
    for scope, arm in product(scopes_of(before, after), arms_of(after)):
        old, new = _edges(before.rule_for(*scope)), _edges(after.rule_for(*scope, arm))
        moved += [Step(scope, name, old[name], new[name], arm) for name in old if old[name] != new.get(name, old[name])]
    return sorted(moved, key=lambda one: -one.size)


def arms_of(policy: Policy) -> list[Arm | None]:
    """Return what applies without an experiment (None), and the candidate's arm where the policy has one."""
    return [None] if policy.experiment is None else [None, Arm.CANDIDATE]


def scopes_of(*policies: Policy) -> list[Scope]:
    """Return each kind with each source that one of the policies names, and any of both."""
    rules = [rule for policy in policies for arm in arms_of(policy) for rule in policy.rules_in(arm)]
    kinds = dict.fromkeys([ANY, *(rule.kind for rule in rules)])
    return list(product(kinds, dict.fromkeys([ANY, *(rule.source for rule in rules)])))


def accept_edge(rule: Rule) -> float:
    """Return the lowest score that a rule accepts; infinity where it accepts none."""
    return min((_lower(rule, label) for label in _with(rule, Action.ACCEPT)), default=math.inf)


def _edges(rule: Rule) -> Mapping[str, float]:
    edges = {f"thresholds.{name}": getattr(rule.thresholds, name) for name in ("high", "medium", "low")}
    rejected = max((_upper(rule, label) for label in _with(rule, Action.REJECT)), default=0.0)
    if rule.method.name == "share_below":
        edges["method.threshold"] = rule.method.threshold
    return {**edges, ACCEPT_EDGE: min(accept_edge(rule), 1.0), REJECT_EDGE: rejected}


def _with(rule: Rule, action: Action) -> list[Label]:
    return [label for label in Label if rule.actions[label] is action]


def _lower(rule: Rule, label: Label) -> float:
    return 0.0 if label is Label.REJECTED else float(getattr(rule.thresholds, label.value))


def _upper(rule: Rule, label: Label) -> float:
    above = {Label.MEDIUM: rule.thresholds.high, Label.LOW: rule.thresholds.medium, Label.REJECTED: rule.thresholds.low}
    return above.get(label, 1.0)
