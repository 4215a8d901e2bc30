"""Whether a calibration vouches for what would be in force with a candidate. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import product

from deploy.calibrate.acceptance import alike
from deploy.calibrate.result import Calibration, Part
from deploy.policy.compare import Scope, scope_name
from deploy.promotion.candidate import Candidate, HeadCandidate
from deploy.promotion.evidence import RiskProof
from deploy.promotion.live import Ledger
from deploy.promotion.proof import SHORT
from deploy.promotion.steps import accept_edge, arms_of, scopes_of
from schemas.policy import ANY, Policy, Rule
from workers.kinds import SHARED

_TOLERANCE = 1e-9
_DO = "label some of it and calibrate again, or calibrate the judged sources alone (sluice calibrate --source)"


def risk_problems(
    candidate: Candidate, proof: RiskProof | None, before: Policy | None, ledger: Ledger
) -> Iterator[str]:
    """Yield why the bound does not hold for a candidate beside what is in force.

    Args:
        candidate: a policy, a head or both.
        proof: the calibration; None: none was given.
        before: the policy in force.
        ledger: with the heads that are released.
    """
    if proof is None:
        yield "no calibration was given: --calibration FOLDER"
        return
    found = proof.calibration
    if found.threshold is None:
        yield f"no threshold is valid by the calibration: {found.claim}"
        return
    yield from _other_scorers(candidate.head, found, ledger)
    policy = candidate.policy or before
    if policy is None:
        yield "no policy is published, so nobody can tell what is accepted: sluice policy publish FILE"
        return
    whose = policy.name if candidate.policy else f"{policy.reference}, which is in force,"
    for part in found.parts:
        yield from _other_rule(part, proof.policy, policy, whose)
        yield from _accepts_below(part, proof.policy, policy, whose)
    yield from _new_scores(candidate.head, found, policy)
    if candidate.policy is not None and before is not None:
        yield from _laxer_elsewhere(found, before, candidate.policy)


def level_problems(proof: RiskProof | None, allowed: tuple[float, float]) -> Iterator[str]:
    """Yield why a calibration promises too little.

    Args:
        proof: the calibration; None: none was given.
        allowed: the largest alpha and delta.
    """
    if proof is None:
        return
    found = proof.calibration
    for name, level, most in zip(("alpha", "delta"), (found.alpha, found.delta), allowed, strict=True):
        if level > most + _TOLERANCE:
            yield f"it was calibrated with {name} {level:g}, and {most:g} is allowed (SLUICE_MAX_RISK)"


def refuted_problems(proof: RiskProof | None, refuted: Collection[str]) -> Iterator[str]:
    """Yield that audits have shown since that a calibration's claim does not hold.

    Args:
        proof: the calibration; None: none was given.
        refuted: digests of the labels of calibrations of which `sluice risk` has told an alarm.
    """
    if proof is not None and proof.calibration.labels_digest in refuted:
        yield "audits have shown since that it does not hold (sluice risk has told an alarm): calibrate on new labels"


def risk_told(proof: RiskProof | None) -> str:
    """Return a calibration's claim, for people; empty where there is none."""
    return "" if proof is None or proof.calibration.threshold is None else proof.calibration.claim


def _other_scorers(head: HeadCandidate | None, found: Calibration, ledger: Ledger) -> Iterator[str]:
    """Yield why its labels are not of scores by the heads that would be in force."""
    wanted = ledger.scorers
    if head is not None:
        wanted[head.kind] = head.scorer
    wanted |= {kind: wanted[owner] for kind, owner in SHARED.items() if owner in wanted and kind not in wanted}
    valid = [(kind, part.valid_for.scorers) for part in found.parts for kind in part.valid_for.kinds]
    if head is not None and head.kind not in {kind for kind, _ in valid}:
        yield f"the calibration is not valid for {head.kind}"
    for kind, scorers in dict.fromkeys(valid):
        if kind in wanted and wanted[kind] not in scorers:
            shown = ", ".join(one[:SHORT] for one in scorers) or "none"
            yield f"its labels of {kind} are of scores by {shown}, and the scorer is {str(wanted[kind])[:SHORT]}"
    replaced = None if head is None else ledger.head(head.kind)
    if head is None or replaced is None or replaced.scorer == head.scorer:
        return
    if any(kind == head.kind and replaced.scorer in scorers for kind, scorers in valid):
        yield f"some of its labels are of parents that the head in force has scored ({replaced.name})"


def _other_rule(part: Part, calibrated: Policy, policy: Policy, whose: str) -> Iterator[str]:
    """Yield why its threshold means something else under a policy."""
    for scope, arm in product(_judged(part, calibrated), arms_of(policy)):
        one, other = calibrated.rule_for(*scope), policy.rule_for(*scope, arm)
        if not alike(one, other) or one.bad_below != other.bad_below:
            yield f"{whose} makes other scores than those that were calibrated, for {scope_name(scope)}"


def _judged(part: Part, calibrated: Policy) -> dict[Scope, None]:
    """Return what a part is about: its scopes, and each kind and source with labels, which may get rules of their own.

    Without those, a rule that is more specific than the calibrated one would go around the bound.
    """
    own = [(one.kind, one.source) for one in part.sources]
    rules = {scope: calibrated.rule_for(*scope) for scope in own}
    return dict.fromkeys([*part.scopes, *(one for one in own if (rules[one].kind, rules[one].source) in part.scopes)])


def _accepts_below(part: Part, calibrated: Policy, policy: Policy, whose: str) -> Iterator[str]:
    for scope, arm in product(_judged(part, calibrated), arms_of(policy)):
        edge = accept_edge(policy.rule_for(*scope, arm))
        if part.threshold is None and edge <= 1.0:
            yield f"no threshold is valid for {scope_name(scope)}, and {whose} accepts from {edge:g}"
        elif part.threshold is not None and edge < part.threshold - _TOLERANCE:
            yield f"the bound holds from {part.threshold:g}, and {whose} accepts from {edge:g}, for {scope_name(scope)}"


def _new_scores(head: HeadCandidate | None, found: Calibration, policy: Policy) -> Iterator[str]:
    """Yield what a head would score, the policy accepts, and nobody judged by that head."""
    for scope in _unjudged(found):
        accepts = any(accept_edge(policy.rule_for(*scope, arm)) <= 1.0 for arm in arms_of(policy))
        if head is not None and SHARED.get(scope[0], scope[0]) == head.kind and accepts:
            yield f"{scope_name(scope)} is accepted by scores of this head, and has no label: {_DO}"


def _unjudged(found: Calibration) -> dict[Scope, None]:
    return dict.fromkeys(scope for part in found.parts for scope in part.valid_for.unjudged)


def _laxer_elsewhere(found: Calibration, before: Policy, after: Policy) -> Iterator[str]:
    """Yield where more would be accepted than now, and no label vouches for it."""
    missing = _unjudged(found)
    scopes: dict[Scope, None] = dict.fromkeys(scopes_of(before, after)) | missing
    for scope, arm in product(scopes, arms_of(after)):
        new = after.rule_for(*scope, arm)
        edge, old = accept_edge(new), accept_edge(before.rule_for(*scope))
        vouched = scope not in missing and any(_vouches(part, scope, new) for part in found.parts)
        if edge <= 1.0 and not vouched and not _no_laxer(before.rule_for(*scope), new):
            yield f"{scope_name(scope)} would be scored otherwise than now, and was not calibrated: {_DO}"
        if edge < old - _TOLERANCE and not vouched:
            told = f"{scope_name(scope)} would be accepted from {edge:g} and not {old:g}, and was not calibrated"
            yield f"{told}: {_DO}, or give it a rule of its own that accepts no more than now"


def _no_laxer(old: Rule, new: Rule) -> bool:
    """Whether a rule makes the same scores as another, and at most sends more of what it scores to review."""
    more = tuple(one for one in new.items if one.then == "review" and one not in old.items)
    return alike(old, new.model_copy(update={"items": tuple(one for one in new.items if one not in more)}))


def _vouches(part: Part, scope: Scope, rule: Rule) -> bool:
    """Whether a part is about a scope: its kind and source were judged, or nothing was ever decided about them.

    Of a kind and source that are judged any rule may be made that accepts no more. Beside them the part vouches for the
    rule that was calibrated alone, since of what had no decisions nobody can have labels.
    """
    valid = part.valid_for
    if part.threshold is None:
        return False
    kind, source = scope
    if kind in valid.kinds and source in valid.sources and any(_within(scope, own) for own in part.scopes):
        return accept_edge(rule) >= part.threshold - _TOLERANCE
    own = [one for one in part.scopes if one[0] in {ANY, *valid.kinds} and one[1] in {ANY, *valid.sources}]
    return scope in own or (rule.kind, rule.source) in own


def _within(scope: Scope, other: Scope) -> bool:
    return all(one in {ANY, name} for name, one in zip(scope, other, strict=True))
