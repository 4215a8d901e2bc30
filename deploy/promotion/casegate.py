"""Whether test cases passed, and were run on what would be in force with a candidate. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.promotion.canarygate import judged_kinds
from deploy.promotion.candidate import Candidate
from deploy.promotion.live import Live
from deploy.promotion.proof import SHORT, Proof, Suite
from schemas.testcases import CasesResult
from workers.kinds import SHARED


def case_problems(candidate: Candidate, proof: Proof, live: Live) -> Iterator[str]:
    """Yield why test cases do not speak for a candidate."""
    if proof.cases is None:
        yield "no result of test cases was given: --testcases RESULT.json"
        return
    found = proof.cases.result
    yield from _not_passed(found)
    yield from _other_suite(found, proof.suite)
    if found.equally_drawn:
        yield "they took labels as drawn alike, whatever those say: run them without --equally-drawn"
    yield from _other_policy(candidate, found, live)
    head = candidate.head
    if head is not None and head.kind not in (found.heads or {}):
        yield f"they were run without this head: sluice replay --head {head.folder}"
    else:
        yield from _other_scorers(found, _in_force(candidate, proof, live))


def cases_told(proof: Proof) -> str:
    """Return how many passed, for people."""
    return "" if proof.cases is None else f"{len(proof.cases.result.cases)} passed"


def _not_passed(found: CasesResult) -> Iterator[str]:
    wrong = [one for one in found.cases if one.result != "passed"]
    for one in wrong:
        yield f"{one.name}: {one.result.replace('_', ' ')} ({one.why})"
    if not found.cases:
        yield "no case was run"
    elif not found.passed and not wrong:
        yield "the result says that they did not pass"


def _other_suite(found: CasesResult, suite: Suite | None) -> Iterator[str]:
    if suite is not None and found.cases_digest != suite.digest:
        yield (
            f"they are other cases ({found.name}, {found.cases_digest[:SHORT]}) than each promotion has to pass"
            f" ({suite.digest[:SHORT]}): sluice testcases run {suite.path}"
        )


def _other_policy(candidate: Candidate, found: CasesResult, live: Live) -> Iterator[str]:
    """Yield why what they were run on was not decided under the policy that would be in force."""
    if candidate.policy is not None and found.policy is None:
        yield "they were run on decisions under the policies of the topic, not under this one: sluice replay --policy"
        return
    wanted = candidate.policy.digest() if candidate.policy else live.version and live.version.digest
    decided = {found.policy.digest} if found.policy else set(found.policy_digests)
    if other := sorted(decided - {wanted}):
        whose = "this one" if candidate.policy else "the one in force"
        shown = ", ".join(one[:SHORT] for one in other)
        yield f"they were run under policy {shown}, and {whose} is {str(wanted)[:SHORT]}: sluice replay --policy"


def _in_force(candidate: Candidate, proof: Proof, live: Live) -> dict[str, frozenset[str]]:
    """Return the scorers that each kind would have, as far as they are known.

    That is the candidate's head, or the one that is released, or else that of the scores that labels vouch for.
    """
    known = {kind: frozenset([scorer]) for kind, scorer in live.ledger.scorers.items()}
    if candidate.head is not None:
        known[candidate.head.kind] = frozenset([candidate.head.scorer])
    calibrated = {} if proof.risk is None else judged_kinds(proof.risk.calibration)
    shared = {kind: known[owner] for kind, owner in SHARED.items() if owner in known}
    return {**shared, **calibrated, **known}


def _other_scorers(found: CasesResult, in_force: dict[str, frozenset[str]]) -> Iterator[str]:
    for kind, scorers in found.scorers.items():
        other = sorted(set(scorers) - in_force.get(kind, frozenset(scorers)))
        if other:
            shown, wanted = (", ".join(one[:SHORT] for one in some) for some in (other, sorted(in_force[kind])))
            yield f"they were run on scores of {kind} by {shown}, and it would be {wanted}: sluice replay --head"
