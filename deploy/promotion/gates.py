"""Judges a candidate. Pure: what it is judged by was read before. What is missing is red."""

from __future__ import annotations

from deploy.promotion.canarygate import canaries_told, canary_problems
from deploy.promotion.candidate import Candidate
from deploy.promotion.casegate import case_problems, cases_told
from deploy.promotion.evidence import RiskProof
from deploy.promotion.live import Live
from deploy.promotion.proof import Gate, Proof
from deploy.promotion.risk import level_problems, refuted_problems, risk_problems, risk_told
from deploy.promotion.steps import steps
from schemas.policy import Policy
from schemas.releases import CanaryEvidence, CaseEvidence, Evidence, RiskEvidence, StepEvidence

_SHOWN = 3
_NO_POLICY = (
    "no policy was published before it, so there is none to step from or to go back to. Publish the one that the"
    " deciders go by first: sluice policy publish FILE"
)


def judged(candidate: Candidate, proof: Proof, live: Live) -> list[Gate]:
    """Return every gate, in the order in which they are told.

    Raises:
        NewerPolicyError: this version of Sluice cannot read the policy in force.
    """
    before = live.before(candidate.policy)
    return [
        Gate("canaries", tuple(canary_problems(candidate, proof)), canaries_told(proof)),
        Gate("test cases", tuple(case_problems(candidate, proof, live)), cases_told(proof)),
        Gate("risk", _risk(candidate, proof, before, live), risk_told(proof.risk)),
        _step(candidate, proof, before),
    ]


def evidence_of(candidate: Candidate, proof: Proof, before: Policy | None) -> Evidence:
    """Return what an entry of the audit keeps of the proof."""
    cases, risk = proof.cases, proof.risk
    moved = 0.0
    if candidate.policy is not None and before is not None:
        moved = max((one.size for one in steps(before, candidate.policy)), default=0.0)
    return Evidence(
        canaries=tuple(
            CanaryEvidence(
                kind=one.kind,
                scorer=one.scorer,
                canaries=one.canaries,
                largest=one.finding.largest,
                margin=one.finding.margin,
            )
            for one in proof.canaries
            if one.finding is not None
        ),
        canaries_left_out=proof.without_canaries,
        testcases=cases
        and CaseEvidence(
            sha256=cases.sha256,
            cases_digest=cases.result.cases_digest,
            passed=len(cases.result.cases),
            replay=cases.result.replay,
        ),
        risk=risk and _risk_evidence(risk),
        step=None if candidate.policy is None else StepEvidence(largest=moved, allowed=proof.max_step),
    )


def _risk(candidate: Candidate, proof: Proof, before: Policy | None, live: Live) -> tuple[str, ...]:
    found = risk_problems(candidate, proof.risk, before, live.ledger)
    return (*level_problems(proof.risk, proof.max_risk), *refuted_problems(proof.risk, live.refuted), *found)


def _risk_evidence(proof: RiskProof) -> RiskEvidence | None:
    found = proof.calibration
    if found.threshold is None:
        return None
    names = ("alpha", "delta", "threshold", "upper_bound", "labels", "labels_digest", "claim")
    return RiskEvidence(sha256=proof.sha256, **{name: getattr(found, name) for name in names})


def _step(candidate: Candidate, proof: Proof, before: Policy | None) -> Gate:
    if candidate.policy is None:
        return Gate("step", (), "not needed: a head moves no threshold")
    if before is None:
        return Gate("step", (_NO_POLICY,))
    moved = steps(before, candidate.policy)
    too_far = [one for one in moved if one.size > proof.max_step]
    problems = [f"{one}: {one.size:g}, and {proof.max_step:g} is allowed (--max-step)" for one in too_far[:_SHOWN]]
    if len(too_far) > _SHOWN:
        problems.append(f"and {len(too_far) - _SHOWN} more")
    largest = moved[0].size if moved else 0.0
    return Gate("step", tuple(problems), f"{largest:g} at most, {proof.max_step:g} is allowed")
