"""One version of a policy in one partition: the lanes of its rules, and which of them a parent is in."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aggregation.lane import Lane
from aggregation.terms import Terms
from schemas.policy import Policy, Rule


class Edition:
    """A policy version that windows have been opened under."""

    def __init__(self, name: str, policy: Policy) -> None:
        """Make the lanes of its rules. `name` is name@version, or empty for the decider's own policy."""
        self.name = name
        self._policy = policy
        digest = policy.digest()
        self._by_rule = {id(rule): Lane(name, Terms(rule, _reference(policy, digest, rule))) for rule in policy.rules}
        self._by_scope: dict[tuple[str, str], Lane] = {}

    @property
    def lanes(self) -> Iterable[Lane]:
        """One for each rule."""
        return self._by_rule.values()

    def lane_of(self, kind: str, source: str) -> Lane:
        """Return the lane of a parent's kind and source."""
        lane = self._by_scope.get((kind, source))
        if lane is None:
            lane = self._by_scope[kind, source] = self._by_rule[id(self._policy.rule_for(kind, source))]
        return lane


def _reference(policy: Policy, digest: str, rule: Rule) -> bytes:
    rule_as_it_is = rule.model_dump(mode="json")
    return msgspec.json.encode(
        {"name": policy.name, "version": policy.version, "digest": digest, "rule": rule_as_it_is}
    )
