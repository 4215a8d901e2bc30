"""Whether the canaries of the heads that a candidate is about score as recorded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from deploy.calibrate.result import Calibration
from deploy.promotion.candidate import Candidate
from deploy.promotion.proof import SHORT, Proof
from workers.kinds import SHARED

_LEFT_OUT = "those of the heads in force left out (--no-canaries)"


def judged_kinds(found: Calibration) -> dict[str, frozenset[str]]:
    """Return each kind that a calibration is about, with the digests of the scorers."""
    kinds: dict[str, frozenset[str]] = {}
    for part in found.parts:
        for kind in part.valid_for.kinds:
            kinds[kind] = kinds.get(kind, frozenset()) | set(part.valid_for.scorers)
    return kinds


def scored_by(kind: str, heads: Collection[str]) -> str:
    """Return the kind of the head that scores a kind: its own where there is one, else the one that it shares."""
    return kind if kind in heads else SHARED.get(kind, kind)


def canary_problems(candidate: Candidate, proof: Proof) -> Iterator[str]:
    """Yield why a candidate's canaries do not speak for it.

    A head needs its own. A policy decides by scores: their heads must still give those that it was calibrated on, and
    that may be left out on purpose.
    """
    for one in proof.canaries:
        if not one.passed:
            yield f"{one.kind}: {one.problem or (one.finding and one.finding.why)}"
    head = candidate.head
    if head is not None and not any(one.scorer == head.scorer for one in proof.canaries):
        yield f"the canaries of {head.folder.name} were not scored"
    if candidate.policy is not None and proof.risk is not None and not proof.without_canaries:
        yield from _of_other_heads(candidate, proof, judged_kinds(proof.risk.calibration))


def canaries_told(proof: Proof) -> str:
    """Return which canaries were scored, for people."""
    told = [f"{one.canaries} of {one.kind} as recorded" for one in proof.canaries]
    return ", ".join([*told, _LEFT_OUT] if proof.without_canaries else told) or "none were to be scored"


def _of_other_heads(candidate: Candidate, proof: Proof, wanted: dict[str, frozenset[str]]) -> Iterator[str]:
    """Yield for which kinds no canaries were scored, or those of a head that did not score the labels' parents."""
    own = None if candidate.head is None else candidate.head.kind
    found = {one.kind: one for one in proof.canaries}
    for judged, scorers in wanted.items():
        kind = scored_by(judged, found)
        if kind == own:
            continue
        if kind not in found:
            yield f"no canaries of {kind} were scored: name the folder of the workers' heads with --heads"
        elif found[kind].scorer not in scorers:
            named = ", ".join(sorted(one[:SHORT] for one in scorers)) or "none"
            yield (
                f"{kind}: the head here is scorer {found[kind].scorer[:SHORT]}, and the labels are of scores by"
                f" {named}: name the folder of the workers' heads with --heads"
            )
