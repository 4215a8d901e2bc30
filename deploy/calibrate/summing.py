"""Several claims as one record. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.calibrate.joining import WORDS, Joined
from deploy.calibrate.parts import Ask, Judged, labels_digest
from deploy.calibrate.result import Calibration, LeftOut, Part, PolicyNamed, Validity
from schemas.policy import Policy
from schemas.replays import ReplayRun

_NAMED = 10


def summed(
    judged: Sequence[Judged],
    joined: Joined,
    ask: Ask,
    *,
    candidate: Policy,
    notes: Sequence[str],
    replay: ReplayRun | None,
) -> Calibration:
    """Return the record of a calibration.

    Args:
        judged: its parts, at least one.
        joined: the rows that they were made of, and what was left out.
        ask: what was asked for.
        candidate: the policy with the thresholds.
        notes: what a reader has to know.
        replay: that decided; None: the live decisions.
    """
    parts = tuple(one.part for one in judged)
    valid = [part for part in parts if part.threshold is not None]
    thresholds = [part.threshold for part in valid if part.threshold is not None]
    return Calibration(
        alpha=ask.alpha,
        delta=ask.delta,
        run=ask.run,
        seed=ask.seed,
        threshold=max(thresholds, default=None),
        accepted=_accepted(parts),
        upper_bound=max(part.upper_bound for part in valid or parts),
        method="+".join(sorted({part.method for part in parts})),
        labels=sum(part.labels for part in parts),
        bad=sum(part.bad for part in parts),
        least_labels=max(part.least_labels for part in parts),
        claim=parts[0].claim if len(parts) == 1 else _claims(parts, ask),
        valid_for=_validity(valid or parts),
        candidate=PolicyNamed(name=candidate.name, version=candidate.version, digest=candidate.digest()),
        parts=parts,
        left_out=tuple(
            LeftOut(reason=reason, words=WORDS[reason], count=len(parents), parents=tuple(parents[:_NAMED]))
            for reason, parents in joined.left_out.items()
        ),
        notes=tuple(notes),
        replay=None if replay is None else replay.id,
        labels_digest=labels_digest(joined.rows),
        through_at=max(row.decision.timings.closed_at for row in joined.rows),
    )


def _accepted(parts: Sequence[Part]) -> float:
    """Return the share of all parents that is accepted: each part counts by its decisions, however many are judged."""
    sizes = [sum(one.decisions for one in part.drawn) or part.labels for part in parts]
    return sum(part.accepted * size for part, size in zip(parts, sizes, strict=True)) / max(sum(sizes), 1)


def _claims(parts: Sequence[Part], ask: Ask) -> str:
    none = sum(part.threshold is None for part in parts)
    told = f"{len(parts)} claims that hold together with confidence {1 - ask.delta:g}: delta is divided among them"
    return f"{told}. For {none} of them no threshold is valid: everything of theirs goes to review." if none else told


def _validity(parts: Sequence[Part]) -> Validity:
    """Return what all claims together are about."""
    every = [part.valid_for for part in parts]
    return Validity(
        sources=tuple(sorted({name for one in every for name in one.sources})),
        kinds=tuple(sorted({name for one in every for name in one.kinds})),
        scorers=tuple(sorted({name for one in every for name in one.scorers})),
        policy=every[0].policy,
        causes=tuple(sorted({name for one in every for name in one.causes})),
        unseen_groups=all(one.unseen_groups for one in every),
        marginal=any(one.marginal for one in every),
        unjudged=tuple(sorted({scope for one in every for scope in one.unjudged})),
    )
