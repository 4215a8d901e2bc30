"""Judges a candidate. Pure: what it is judged by was read before. What is missing is red."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.promotion.candidate import Candidate
from deploy.promotion.evidence import CaseProof, RiskProof
from deploy.promotion.live import Live
from deploy.promotion.risk import level_problems, risk_problems, risk_told
from deploy.promotion.steps import steps
from schemas.policy import Policy
from schemas.releases import CanaryEvidence, CaseEvidence, Evidence, RiskEvidence, StepEvidence
from schemas.testcases import CasesResult
from workers.watch.judge import Finding

_SHORT = 12  # digits of a digest, for people
_SHOWN = 3
_NO_POLICY = (
    "no policy was published before it, so there is none to step from or to go back to. Publish the one that the"
    " deciders go by first: sluice policy publish FILE"
)


@dataclass(frozen=True, slots=True)
class CanaryFinding:
    """What the canaries of one head showed, or why they could not be scored."""

    kind: str
    scorer: str
    canaries: int
    finding: Finding | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a person brings for a candidate.

    Attributes:
        canaries: of the candidate's head, or of the heads in force where that was asked for.
        cases: the result of model test cases.
        risk: a calibration.
        max_step: how far a threshold may move.
        max_risk: the largest alpha and delta that a calibration may have.
    """

    canaries: tuple[CanaryFinding, ...] = ()
    cases: CaseProof | None = None
    risk: RiskProof | None = None
    max_step: float = 0.1
    max_risk: tuple[float, float] = (0.2, 0.2)


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: its name, the reasons why it is red, and what to tell of it where it is green."""

    name: str
    problems: tuple[str, ...]
    told: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is green."""
        return not self.problems


def judged(candidate: Candidate, proof: Proof, live: Live) -> list[Gate]:
    """Return every gate, in the order in which they are told.

    Raises:
        NewerPolicyError: this version of Sluice cannot read the policy in force.
    """
    before = live.before(candidate.policy)
    return [
        _canaries(candidate, proof),
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


def _canaries(candidate: Candidate, proof: Proof) -> Gate:
    found = proof.canaries
    problems = [f"{one.kind}: {one.problem or (one.finding and one.finding.why)}" for one in found if not _passes(one)]
    head = candidate.head
    if head is not None and not any(one.scorer == head.scorer for one in found):
        problems.append(f"the canaries of {head.folder.name} were not scored")
    told = ", ".join(f"{one.canaries} of {one.kind} as recorded" for one in found)
    return Gate("canaries", tuple(problems), told or "not needed: a policy changes no score (--canaries scores them)")


def _passes(one: CanaryFinding) -> bool:
    return one.finding is not None and one.finding.passed


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
    problems += _other_candidate(candidate, found, live)
    return tuple(problems), f"{len(found.cases)} passed"


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
