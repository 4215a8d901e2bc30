"""A policy with another accept edge for some kinds and sources. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deploy.calibrate.acceptance import accepting
from schemas.policy import ANY, Action, Label, Policy, Rule, Thresholds

Scope = tuple[str, str]
"""Kind and source of a rule."""

_BANDS: Final[tuple[Label, ...]] = (Label.LOW, Label.MEDIUM, Label.HIGH)
_LEAST: Final = 1e-6  # an edge is above 0


def with_edge(rule: Rule, threshold: float | None) -> Rule:
    """Return a rule that accepts from a score on, and sends to review what it accepted below.

    The edge of the lowest accepted band is moved. Where it would pass the edge above, that band's edge is moved
    instead, and the bands between go to review. Edges below give way, so that what was review may not become reject.

    Args:
        rule: accepts the highest bands, or none.
        threshold: in [0,1]; None: everything goes to review.
    """
    if threshold is None:
        actions = dict.fromkeys(Label, Action.REVIEW)
        return _changed(rule, rule.thresholds, actions)
    edges = {label: getattr(rule.thresholds, label.value) for label in _BANDS}
    own = [label for label in _BANDS if label in accepting(rule)] or [Label.HIGH]
    edge = max(threshold, _LEAST)
    moved = max((label for label in own if edges[label] <= edge), key=_BANDS.index, default=own[0])
    actions = dict(rule.actions)
    if moved == own[0] and edge > edges[moved] and actions[_below(moved)] == Action.REJECT:
        moved = _made_room(moved, edges, actions)
    edges[moved] = edge
    for below, above in ((Label.MEDIUM, Label.HIGH), (Label.LOW, Label.MEDIUM)):
        if edges[below] >= edges[above]:
            edges[below] = edges[above] / 2
    for label in (Label.REJECTED, *_BANDS[: _BANDS.index(moved)]):
        actions[label] = Action.REVIEW if actions[label] == Action.ACCEPT else actions[label]
    for label in _BANDS[_BANDS.index(moved) :]:
        actions[label] = Action.ACCEPT
    return _changed(rule, Thresholds(**{label.value: edges[label] for label in _BANDS}), actions)


def _made_room(label: Label, edges: dict[Label, float], actions: dict[Label, Action]) -> Label:
    """Make a band for review between the rejected ones and an accepted one; return the band to be accepted from."""
    if label != Label.HIGH:
        return _BANDS[_BANDS.index(label) + 1]
    edges[Label.MEDIUM], actions[Label.MEDIUM] = edges[label], Action.REVIEW
    return label


def _below(label: Label) -> Label:
    return (Label.REJECTED, *_BANDS)[_BANDS.index(label)]


def _changed(rule: Rule, thresholds: Thresholds, actions: dict[Label, Action]) -> Rule:
    return rule.model_copy(update={"thresholds": thresholds, "actions": actions})


def with_edges(policy: Policy, wanted: Sequence[tuple[Scope, float | None]]) -> Policy:
    """Return a policy with another accept edge for each of some scopes; what applies elsewhere stays as it is.

    A scope without a rule of its own gets one, made of what applies to it now. An experiment is left out, since its
    candidate's arm would accept from an edge of its own.
    """
    rules = {(rule.kind, rule.source): rule for rule in policy.rules}
    for scope, threshold in wanted:
        base = rules.get(scope) or policy.rule_for(*scope)
        if scope not in rules:
            _keep_apart(rules, scope)
        rules[scope] = with_edge(base, threshold).model_copy(update={"kind": scope[0], "source": scope[1]})
    fields = {name: getattr(policy, name) for name in Policy.model_fields}
    # A copy of a published policy would keep the digest of its publication.
    return Policy.model_construct(**{**fields, "rules": list(rules.values()), "experiment": None})


def _keep_apart(rules: dict[Scope, Rule], scope: Scope) -> None:
    """Let the rules of sources go on to apply to a kind that gets a rule for all other sources."""
    kind, source = scope
    if source != ANY:
        return
    for (other, own), rule in list(rules.items()):
        if other == ANY and own != ANY:
            rules.setdefault((kind, own), rule.model_copy(update={"kind": kind}))
