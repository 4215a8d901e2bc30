"""Where a worker finds the rules about single items that are in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from schemas.itemrules import ItemRule, by_cost
from schemas.policy import Policy


@dataclass(frozen=True, slots=True)
class ItemRules:
    """The rules for the items of one kind and source, cheap ones first."""

    policy: str  # name@version
    rules: tuple[ItemRule, ...]


class RuleBook(Protocol):
    """Finds the rules for an item. They may change while it is asked."""

    def rules_for(self, kind: str, source: str) -> ItemRules | None:
        """Return the rules, or None where there are none."""


class NoRules:
    """A book without rules."""

    def rules_for(self, kind: str, source: str) -> None:
        """Return None."""
        del kind, source


class PolicyRules:
    """The rules of a policy, which may be replaced by another. Any thread may ask."""

    def __init__(self, policy: Policy) -> None:
        """Begin with a policy."""
        self._in_force: tuple[Policy, dict[tuple[str, str], ItemRules | None]] = (policy, {})

    @property
    def policy(self) -> Policy:
        """The policy that is in force."""
        return self._in_force[0]

    def follow(self, policy: Policy) -> None:
        """Put another policy in force, for the items that are begun from now on."""
        self._in_force = (policy, {})

    def rules_for(self, kind: str, source: str) -> ItemRules | None:
        """See `RuleBook`."""
        policy, known = self._in_force
        if (kind, source) not in known:
            rules = policy.rule_for(kind, source).items
            known[kind, source] = ItemRules(policy.reference, tuple(by_cost(rules))) if rules else None
        return known[kind, source]
