"""What differs between two policies, field by field, in what applies to each kind and source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas.policy import ANY, Policy, Rule

Scope = tuple[str, str]  # kind and source


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of what applies to a kind and source. A field that one side does not have is None there."""

    kind: str
    source: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences between two policies, and the scopes for which one of them alone has a rule.

    For such a scope the other policy's more general rule is compared: it is what applies there.
    """

    differences: list[Difference]
    rules: dict[Scope, Literal["added", "removed"]]


def compare(before: Policy, after: Policy) -> Comparison:
    """Compare what two policies make of every kind and source that one of them names."""
    old, new = _scopes(before), _scopes(after)
    rules: dict[Scope, Literal["added", "removed"]] = {}
    found: list[Difference] = []
    for scope in [*old, *(one for one in new if one not in old)]:
        if scope not in old or scope not in new:
            rules[scope] = "added" if scope in new else "removed"
        one, other = fields_of(before.rule_for(*scope)), fields_of(after.rule_for(*scope))
        found += [
            Difference(*scope, name, one.get(name), other.get(name))
            for name in dict.fromkeys((*one, *other))
            if one.get(name) != other.get(name)
        ]
    return Comparison([*found, *_experiments(before, after)], rules)


def _experiments(before: Policy, after: Policy) -> Iterator[Difference]:
    """Yield how the experiments of two policies differ; their rules are compared as a whole."""
    one, other = (
        {} if policy.experiment is None else dict(_flat(policy.experiment.model_dump(mode="json"), "experiment."))
        for policy in (before, after)
    )
    for name in dict.fromkeys((*one, *other)):
        if one.get(name) != other.get(name):
            yield Difference(ANY, ANY, name, one.get(name), other.get(name))


def fields_of(rule: Rule) -> dict[str, Any]:
    """Return a rule's fields by their place, such as `thresholds.high`; rules about items by their names."""
    document = rule.model_dump(mode="json", exclude={"kind", "source", "items"})
    items = {f"items.{one.name}": one.model_dump(mode="json", exclude={"name"}) for one in rule.items}
    return {**dict(_flat(document, "")), **items}


def _flat(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def changed_windows(before: Policy, after: Policy) -> list[Scope]:
    """Return the scopes whose parents are cut into other windows than before."""
    scopes = dict.fromkeys((*_scopes(before), *_scopes(after)))
    return [scope for scope in scopes if before.rule_for(*scope).window != after.rule_for(*scope).window]


def scope_name(scope: Scope) -> str:
    """Return a scope in words."""
    kind, source = scope
    if scope == (ANY, ANY):
        return "all other kinds and sources"
    return " and ".join([f"kind {kind}"] * (kind != ANY) + [f"source {source}"] * (source != ANY))


def _scopes(policy: Policy) -> list[Scope]:
    return [(rule.kind, rule.source) for rule in policy.rules]
