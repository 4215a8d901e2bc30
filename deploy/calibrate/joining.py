"""From labels and decisions to rows that a threshold can be chosen by; what has no place in them is counted. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from deploy.calibrate.acceptance import alike, score_of
from deploy.calibrate.decided import Windows
from deploy.labels.counting import Conflicts, by_target, counted
from schemas.decisions import Decision
from schemas.experiments import Arm
from schemas.labels import LabelGiven
from schemas.policy import Policy

Reason = Literal[
    "of_items", "unknown", "which_window", "not_asked", "not_judged", "conflict", "other_policy", "other_scorer",
    "no_probability", "trained", "same_parent",
]  # fmt: skip
WORDS: Final[Mapping[Reason, str]] = {
    "of_items": "are of single items, and no parent's",
    "unknown": "name a parent or window that was not decided",
    "which_window": "name a parent with several windows, and none of them",
    "not_asked": "are of other sources or kinds than were asked for",
    "not_judged": "say that it cannot be judged",
    "conflict": "are of people who disagree",
    "other_policy": "are of decisions by a policy that makes other scores",
    "other_scorer": "are of decisions by another head than the latest",
    "no_probability": "have no sampling probability, and so cannot stand for others",
    "trained": "are of parents that the head was trained or calibrated on",
    "same_parent": "are of further windows of a parent, of which one, drawn at random, counts",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled parent, or window of one.

    Attributes:
        score: by which a threshold accepts it; -inf where none does.
        bad: its label is below the policy's `bad_below`.
        probability: with which it was drawn for judging.
    """

    label: LabelGiven
    decision: Decision
    score: float
    bad: bool
    probability: float


@dataclass(slots=True)
class Joined:
    """The rows, and the parents of the labels that became none, by reason."""

    rows: list[Row] = field(default_factory=list)
    left_out: defaultdict[Reason, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Terms:
    """What labels and decisions must be like.

    Attributes:
        policy: that the threshold is for.
        sources, kinds: that were asked for; empty: all.
        conflicts: what becomes of labels of people who disagree.
        probability: of labels that do not say; None: they are left out.
        seed: draws one window of each parent.
        why_trained: why a label may not judge the heads that made the scores, or None.
    """

    policy: Policy
    sources: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    conflicts: Conflicts = "majority"
    probability: float | None = None
    seed: int = 0
    why_trained: Callable[[LabelGiven, Decision], str | None] = lambda _label, _decision: None

    def asked(self, decision: Decision) -> bool:
        """Tell whether a decision is of the sources and kinds that were asked for."""
        return (not self.sources or decision.source in self.sources) and (not self.kinds or decision.kind in self.kinds)


def join(labels: Iterable[LabelGiven], windows: Windows, terms: Terms) -> Joined:
    """Join labels with the last decision of each window.

    A label without a window is of the parent's one window. Of each target it is the last label of each person that
    counts, and of several people what most of them say. Windows of one parent are alike, so one of those that are
    judged is drawn for each parent.
    """
    joined = Joined()
    found: dict[tuple[str, str], list[LabelGiven]] = defaultdict(list)
    for own in by_target(labels).values():
        first = own[0]
        decision = _decision(first, windows, joined)
        if decision is not None:
            found[decision.parent_id, decision.window] += own
    chosen = [(windows[parent][window], own) for (parent, window), own in found.items()]
    newest = newest_scorers([decision for decision, _ in chosen if terms.asked(decision)])
    rows = []
    for decision, own in chosen:
        row = _row(own, decision, newest, terms, joined)
        if row is not None:
            rows.append(row)
    joined.rows = _one_per_parent(rows, terms.seed, joined)
    return joined


def _one_per_parent(rows: Sequence[Row], seed: int, joined: Joined) -> list[Row]:
    """Return one random row of each parent; it depends on the seed and the parent's windows alone."""
    own: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        own[row.decision.parent_id].append(row)
    for parent, found in own.items():
        joined.left_out["same_parent"] += [parent] * (len(found) - 1)
    if not joined.left_out["same_parent"]:
        del joined.left_out["same_parent"]
    return [min(found, key=lambda row: _lot(seed, row)) for found in own.values()]


def _lot(seed: int, row: Row) -> bytes:
    return hashlib.sha256(f"{seed}/{row.decision.parent_id}/{row.decision.window}".encode()).digest()


def _decision(label: LabelGiven, windows: Windows, joined: Joined) -> Decision | None:
    own = windows.get(label.parent_id, {})
    if not label.of_parent:
        joined.left_out["of_items"].append(label.parent_id)
    elif not own or label.window not in {None, *own}:
        joined.left_out["unknown"].append(label.parent_id)
    elif label.window is None and len(own) > 1:
        joined.left_out["which_window"].append(label.parent_id)
    else:
        return own[label.window] if label.window is not None else next(iter(own.values()))
    return None


def _row(
    own: Sequence[LabelGiven],
    decision: Decision,
    newest: Mapping[str, tuple[str, ...]],
    terms: Terms,
    joined: Joined,
) -> Row | None:
    rule = terms.policy.rule_for(decision.kind, decision.source)
    same = [label.model_copy(update={"window": decision.window}) for label in own]
    result = counted(same, terms.conflicts, rule.bad_below)
    label = result.judged[0].label if result.judged else own[0]
    reason: Reason | None = None
    if not terms.asked(decision):
        reason = "not_asked"
    elif not result.judged:
        reason = "not_judged" if result.not_judged else "conflict"
    elif not alike(decision.policy.rule, rule):
        reason = "other_policy"
    elif decision.scorers and decision.scorers != newest.get(decision.kind):
        reason = "other_scorer"
    elif terms.why_trained(label, decision) is not None:
        reason = "trained"
    elif label.probability is None and terms.probability is None:
        reason = "no_probability"
    if reason is not None:
        joined.left_out[reason].append(decision.parent_id)
        return None
    bad = (label.value or 0.0) < rule.bad_below
    probability = label.probability if label.probability is not None else terms.probability or 1.0
    return Row(label, decision, score_of(decision, bad=bad), bad, probability)


def newest_scorers(decisions: Iterable[Decision]) -> dict[str, tuple[str, ...]]:
    """Return the scorer of the latest decision of each kind, of those that one scorer alone made the scores of.

    The candidate's arm of an experiment may have another head, and is looked at only where there is no other arm.
    """
    last: dict[str, Decision] = {}
    for decision in sorted(decisions, key=_standing):
        if len(decision.scorers) == 1:
            last[decision.kind] = decision
    return {kind: decision.scorers for kind, decision in last.items()}


def _standing(decision: Decision) -> tuple[bool, int]:
    split = decision.policy.experiment
    return split is None or split.arm == Arm.CONTROL, decision.timings.closed_at
