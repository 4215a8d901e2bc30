"""One version of a policy in one partition: the lanes of its rules, and which of them a parent is in."""

from __future__ import annotations

import msgspec

from aggregation.lane import Lane
from aggregation.terms import Terms
from schemas.experiments import Arm, arm_of
from schemas.policy import Policy, Rule


class Edition:
    """A policy version that windows have been opened under."""

    def __init__(self, name: str, policy: Policy) -> None:
        """Make the lanes of its rules. `name` is name@version, or empty for the decider's own policy."""
        self.name = name
        self._experiment = policy.experiment
        self._lanes = _Lanes(name, policy, None if policy.experiment is None else Arm.CONTROL)
        self._candidates = self._lanes if policy.experiment is None else _Lanes(name, policy, Arm.CANDIDATE)

    def lane_of(self, kind: str, source: str, parent_id: str) -> Lane:
        """Return the lane of a parent, by its kind and source and, in an experiment, by its arm."""
        split = self._experiment
        if split is not None and arm_of(split.name, split.share, parent_id) is Arm.CANDIDATE:
            return self._candidates[kind, source]
        return self._lanes[kind, source]


class _Lanes(dict[tuple[str, str], Lane]):
    """The lanes of an arm by kind and source, one for each rule; found when they are asked for first."""

    def __init__(self, name: str, policy: Policy, arm: Arm | None) -> None:
        super().__init__()
        digest, self._policy, self._arm = policy.digest(), policy, arm
        self._by_rule = {
            (rule.kind, rule.source): Lane(name, Terms(rule, _reference(policy, digest, rule, arm)))
            for rule in policy.rules_in(arm)
        }

    def __missing__(self, scope: tuple[str, str]) -> Lane:
        rule = self._policy.rule_for(*scope, self._arm)
        lane = self[scope] = self._by_rule[rule.kind, rule.source]
        return lane


def _reference(policy: Policy, digest: str, rule: Rule, arm: Arm | None) -> bytes:
    rule_as_it_is = rule.model_dump(mode="json")
    named = {"name": policy.name, "version": policy.version, "digest": digest, "rule": rule_as_it_is}
    if arm is not None and policy.experiment is not None:
        named["experiment"] = {"name": policy.experiment.name, "share": policy.experiment.share, "arm": arm.value}
    return msgspec.json.encode(named)
