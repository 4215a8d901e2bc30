"""Judges a candidate. Pure: what it is judged by was read before. What is missing is red."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.promotion.canarygate import canaries_told, canary_problems
from deploy.promotion.candidate import Candidate
from deploy.promotion.evidence import RiskProof
from deploy.promotion.live import Live
from deploy.promotion.proof import Gate, Proof, Suite
from deploy.promotion.risk import level_problems, risk_problems, risk_told
from deploy.promotion.steps import steps
from schemas.policy import Policy
from schemas.releases import CanaryEvidence, CaseEvidence, Evidence, RiskEvidence, StepEvidence
from schemas.testcases import CasesResult

_SHORT = 12  # digits of a digest, for people
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
        Gate("test cases", *_cases(candidate, proof, live)),
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
    return (*level_problems(proof.risk, proof.max_risk), *found)


def _risk_evidence(proof: RiskProof) -> RiskEvidence | None:
    found = proof.calibration
    if found.threshold is None:
        return None
    names = ("alpha", "delta", "threshold", "upper_bound", "labels", "labels_digest", "claim")
    return RiskEvidence(sha256=proof.sha256, **{name: getattr(found, name) for name in names})


def _cases(candidate: Candidate, proof: Proof, live: Live) -> tuple[tuple[str, ...], str]:
    if proof.cases is None:
        return ("no result of test cases was given: --testcases RESULT.json",), ""
    found = proof.cases.result
    wrong = [one for one in found.cases if one.result != "passed"]
    problems = [f"{one.name}: {one.result.replace('_', ' ')} ({one.why})" for one in wrong]
    if not found.cases:
        problems.append("no case was run")
    elif not found.passed and not problems:
        problems.append("the result says that they did not pass")
    problems += _other_suite(found, proof.suite)
    problems += _other_candidate(candidate, found, live)
    return tuple(problems), f"{len(found.cases)} passed"


def _other_suite(found: CasesResult, suite: Suite | None) -> Iterator[str]:
    if suite is not None and found.cases_digest != suite.digest:
        yield (
            f"they are other cases ({found.name}, {found.cases_digest[:_SHORT]}) than each promotion has to pass"
            f" ({suite.digest[:_SHORT]}): sluice testcases run {suite.path}"
        )


def _other_candidate(candidate: Candidate, found: CasesResult, live: Live) -> Iterator[str]:
    """Yield why a result is none of this candidate, beside what is in force."""
    wanted = candidate.policy.digest() if candidate.policy else live.version and live.version.digest
    if candidate.policy is not None and found.policy is None:
        yield "they were run on decisions under the policies of the topic, not under this one: sluice replay --policy"
    elif found.policy is not None and found.policy.digest != wanted:
        whose = "this one" if candidate.policy else "the one in force"
        yield f"they were run under policy {found.policy.digest[:_SHORT]}, and {whose} is {str(wanted)[:_SHORT]}"
    yield from _other_heads(candidate, found, live)


def _other_heads(candidate: Candidate, found: CasesResult, live: Live) -> Iterator[str]:
    anew = found.heads or {}
    heads = {kind: release.scorer for kind, release in live.ledger.releases.items() if release.scorer}
    if candidate.head is not None:
        heads[candidate.head.kind] = candidate.head.scorer
        if candidate.head.kind not in anew:
            yield f"they were run without this head: sluice replay --head {candidate.head.folder}"
    for kind, scorer in anew.items():
        if heads.get(kind, scorer) != scorer:
            yield f"they were run with scorer {scorer[:_SHORT]} of {kind}, and it is {str(heads[kind])[:_SHORT]} here"


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
