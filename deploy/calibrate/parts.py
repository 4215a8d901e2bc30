"""Which labelled parents are judged together, and what comes of them. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from deploy.calibrate import coverage
from deploy.calibrate.coverage import Actions
from deploy.calibrate.edges import Scope
from deploy.calibrate.figures import Options, accepted_share, alternatives, of_sources
from deploy.calibrate.joining import Row
from deploy.calibrate.result import Part, PolicyNamed, Validity
from schemas.policy import ANY, Policy, Rule
from workers.guarantee import Choice, Sample, choose
from workers.guarantee.splitting import delta_of_run, split_delta

Per = Literal["rule", "kind", "source", "both"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for.

    Attributes:
        alpha: at most this share of the accepted may be bad,
        delta: with confidence 1 - delta over all parts together.
        per: what is judged apart: each rule of the policy, and beside it each kind, each source, or each of both.
        run: the how-manieth calibration of the policy this is, from 1; 0 gives it the whole of delta.
        one_per_group: judge one random parent of each group, for a claim about unseen groups.
        seed: draws them.
        sources, kinds: that were asked for; empty: all.
        least_probability: the smallest with which any parent could be drawn for judging; None: that of the labels.
        options: of the alternatives.
    """

    alpha: float
    delta: float
    per: Per = "rule"
    run: int = 0
    one_per_group: bool = False
    seed: int = 0
    sources: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    least_probability: float | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Judged:
    """A part with the sample that it was judged by."""

    part: Part
    sample: Sample


def judged_parts(rows: Sequence[Row], policy: Policy, actions: Actions, ask: Ask) -> list[Judged]:
    """Choose a threshold for each part.

    Raises:
        GuaranteeError: the labels cannot bear a claim.
        CalibrationError: accepted parents were not judged.
        ValueError: a rule accepts a band below one that it does not accept.
    """
    groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[_key(row, policy, ask.per)].append(row)
    spent = delta_of_run(ask.delta, ask.run) if ask.run else ask.delta
    deltas = split_delta(spent, {str(key): 1.0 for key in groups}) if groups else {}
    return [_judged(own, policy, actions, ask, deltas[str(key)]) for key, own in sorted(groups.items())]


def _key(row: Row, policy: Policy, per: Per) -> tuple[str, ...]:
    rule = policy.rule_for(row.decision.kind, row.decision.source)
    kind = row.decision.kind if per in {"kind", "both"} else ""
    source = row.decision.source if per in {"source", "both"} else ""
    return rule.kind, rule.source, kind, source


def _scopes(rows: Sequence[Row], rule: Rule, ask: Ask) -> list[Scope]:
    kinds = {row.decision.kind for row in rows} if ask.kinds or ask.per in {"kind", "both"} else {rule.kind}
    sources = {row.decision.source for row in rows} if ask.sources or ask.per in {"source", "both"} else {rule.source}
    return [(kind, source) for kind in sorted(kinds) for source in sorted(sources)]


def sample_of(rows: Sequence[Row], least_probability: float | None = None) -> Sample:
    """Return rows as a sample; groups only where every label names one."""
    groups = tuple(row.label.group or "" for row in rows)
    return Sample(
        np.array([row.score for row in rows], dtype=np.float64),
        np.array([row.bad for row in rows], dtype=np.bool_),
        np.array([row.probability for row in rows], dtype=np.float64),
        groups if all(groups) and groups else None,
        least_probability,
    )


def _judged(rows: Sequence[Row], policy: Policy, actions: Actions, ask: Ask, delta: float) -> Judged:
    rows = sorted(rows, key=lambda row: (row.decision.parent_id, row.decision.window))
    rule = policy.rule_for(rows[0].decision.kind, rows[0].decision.source)
    scopes, sample = _scopes(rows, rule, ask), sample_of(rows, ask.least_probability)
    drawn = coverage.drawn_of(rows, actions)
    coverage.check_accepted(rows, drawn, actions)
    choice = choose(sample, ask.alpha, delta, seed=ask.seed, one_per_group=ask.one_per_group)
    floor = coverage.floor_of(rows, rule, drawn)
    missing = coverage.unjudged(rows, scopes, rule, policy, actions)
    threshold = choice.threshold
    if threshold is not None and floor is not None:
        threshold = max(threshold, floor.edge)
    valid = _validity(rows, policy, choice, missing)
    part = Part(
        scopes=tuple(scopes),
        valid_for=valid,
        delta=delta,
        threshold=threshold,
        found=choice.threshold,
        floor=None if floor is None else floor.edge,
        accepted=accepted_share(sample, threshold) if threshold != choice.threshold else choice.accepted,
        upper_bound=choice.upper_bound,
        method=choice.method,
        labels=choice.labels,
        bad=choice.bad,
        accepted_labels=choice.accepted_labels,
        accepted_bad=choice.accepted_bad,
        least_labels=choice.least_labels,
        claim=_claim(choice, valid, scopes),
        sources=of_sources(rows, threshold),
        drawn=drawn,
        alternatives=alternatives(sample, rule, ask.options),
        notes=(*_notes(rows, choice), *coverage.notes(drawn, floor, missing, actions)),
    )
    return Judged(part, sample)


def _claim(choice: Choice, valid: Validity, scopes: Sequence[Scope]) -> str:
    claim = choice.words.rstrip(".")
    if choice.threshold is None:
        return f"{claim}."
    told = [f"{claim}."]
    if valid.marginal:
        over = ", ".join(valid.sources) if len(valid.sources) > 1 else ", ".join(valid.kinds)
        told.append(f"It is marginal: over {over} together, and not for each of them.")
    if any(ANY in scope for scope in scopes):
        judged = f"{', '.join(valid.kinds)} of {', '.join(valid.sources)}"
        told.append(f"The rule applies to others, too, that may come; the claim is about {judged} alone.")
    return " ".join(told)


def _validity(rows: Sequence[Row], policy: Policy, choice: Choice, missing: tuple[Scope, ...]) -> Validity:
    decisions = [row.decision for row in rows]
    sources, kinds = sorted({one.source for one in decisions}), sorted({one.kind for one in decisions})
    return Validity(
        sources=tuple(sources),
        kinds=tuple(kinds),
        scorers=tuple(sorted({scorer for one in decisions for scorer in one.scorers})),
        policy=PolicyNamed(name=policy.name, version=policy.version, digest=policy.digest()),
        causes=tuple(sorted({one.cause for one in decisions})),
        unseen_groups=choice.unseen_groups,
        marginal=len(sources) * len(kinds) > 1,
        unjudged=missing,
    )


def _notes(rows: Sequence[Row], choice: Choice) -> list[str]:
    notes = []
    early = sum(row.decision.cause == "early" for row in rows)
    if early:
        notes.append(f"{early} decisions were early: their score is known within bounds, of which the worse one counts")
    if any(row.label.group for row in rows) and not choice.unseen_groups:
        notes.append("the claim is about parents of the groups that were judged; --one-per-group is about unseen ones")
    return notes


def labels_digest(rows: Sequence[Row]) -> str:
    """Return the SHA-256 of what was used of the labels: parents, windows, values, probabilities, in one order."""
    used = sorted(
        [row.decision.parent_id, row.decision.window, row.label.value, row.probability, row.label.group or ""]
        for row in rows
    )
    return hashlib.sha256(json.dumps(used, separators=(",", ":")).encode()).hexdigest()
