"""From decisions and labels to what a test looks at: parents, as their outcomes became known. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from deploy.experiments.decided import Decided, Seen
from deploy.experiments.outcomes import LABELLED, happened
from schemas.experiments import Arm
from schemas.labels import LabelGiven


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared.

    Attributes:
        outcome: one of `OUTCOMES`.
        labels: of parents and of their windows: by parent id, and window where it is of one.
        bad_below: a label below it is bad; None: as the rule of the decision says.
    """

    outcome: str
    labels: Mapping[tuple[str, str | None], LabelGiven] = field(default_factory=dict)
    bad_below: float | None = None

    @property
    def labelled(self) -> bool:
        """Whether only labelled parents count."""
        return self.outcome in LABELLED

    def label(self, decision: Seen) -> LabelGiven | None:
        """Return the label of what a decision is about, where there is one and it counts."""
        if not self.labelled:
            return None
        found = self.labels.get((decision.parent_id, decision.window))
        return found or self.labels.get((decision.parent_id, None))


@dataclass(frozen=True, slots=True)
class Observed:
    """One parent.

    Attributes:
        known_at: when its outcome became known, by its label; and when it was decided: ms since 1970.
        control: whether the live side has the outcome; None in an experiment, where the parent is in the other arm.
        candidate: the same of the candidate's side.
        probability: with which it was drawn for labelling; None: not known, or without a label.
        share: of the candidate's arm, in an experiment.
        action: what was decided live.
    """

    parent_id: str
    known_at: tuple[int, int]
    control: bool | None
    candidate: bool | None
    probability: float | None = None
    share: float = 0.5
    action: str = ""


@dataclass(frozen=True, slots=True)
class Observations:
    """All of them, in order, and what was set apart.

    Attributes:
        parents: that can be looked at.
        apart: how many others there are, by the reason.
        actions: how many that could be compared there are in shadow, labelled or not, by what was decided live.
    """

    parents: list[Observed]
    apart: Counter[str]
    actions: Counter[str] = field(default_factory=Counter)


def paired(live: Decided, shadow: Decided, asked: Asked) -> Observations:
    """Return the parents that both sides have decided on from the same items."""
    apart: Counter[str] = Counter()
    apart["further_windows"] += shadow.further
    actions: Counter[str] = Counter()
    found = []
    for parent_id, other in shadow.parents.items():
        own = live.parents.get(parent_id)
        reason = "shadow_only" if own is None else _not_alike(own, other)
        if own is None or reason:
            apart[reason] += 1
            continue
        actions[own.action] += 1
        label = asked.label(own)
        bad = _bad(label, own, asked)
        if bad is None and asked.labelled:
            apart["without_label"] += 1
            continue
        decided_at = max(own.timings.decided_at, other.timings.decided_at)
        found.append(
            Observed(
                parent_id,
                _known_at(label, decided_at),
                happened(asked.outcome, own.action, bad=bool(bad)),
                happened(asked.outcome, other.action, bad=bool(bad)),
                None if label is None else label.probability,
                action=own.action,
            )
        )
    apart["live_only"] += len(live.parents.keys() - shadow.parents.keys())
    return Observations(_in_order(found), +apart, actions)


def _not_alike(live: Seen, shadow: Seen) -> str:
    """Return why two decisions about a parent cannot be compared; empty where they can."""
    if live.window != shadow.window:
        return "other_windows"
    if live.cause == "early":
        return "decided_early"  # the candidate has seen no more than the items that were scored until then
    if "mixed_scorers" in live.reasons or "mixed_scorers" in shadow.reasons:
        return "mixed_scorers"
    return "other_items" if live.items != shadow.items else ""


def two_arms(live: Decided, experiment: str, asked: Asked) -> Observations:
    """Return the parents that were decided in one of the arms of an experiment."""
    apart: Counter[str] = Counter()
    found = []
    for parent_id, one in live.parents.items():
        drawn = one.policy.experiment
        if drawn is None or drawn.name != experiment:
            apart["outside"] += 1
            continue
        if "mixed_scorers" in one.reasons:
            apart["mixed_scorers"] += 1
            continue
        label = asked.label(one)
        bad = _bad(label, one, asked)
        if bad is None and asked.labelled:
            apart[f"without_label_{drawn.arm}"] += 1
            continue
        has = happened(asked.outcome, one.action, bad=bool(bad))
        in_candidate = drawn.arm is Arm.CANDIDATE
        found.append(
            Observed(
                parent_id,
                _known_at(label, one.timings.decided_at),
                None if in_candidate else has,
                has if in_candidate else None,
                None if label is None else label.probability,
                drawn.share,
            )
        )
    return Observations(_in_order(found), +apart)


@dataclass(frozen=True, slots=True)
class ArmScorers:
    """Which scorers the arms of an experiment had.

    Attributes:
        digests: by arm.
        strayed: whether one of a kind served both arms, and another one only one of them: some workers, or the policy,
            split the parents in another way.
    """

    digests: Mapping[Arm, Sequence[str]]
    strayed: bool


def scorers_of(live: Decided, experiment: str) -> ArmScorers:
    """Return the scorers of each arm."""
    found: defaultdict[str, dict[Arm, set[str]]] = defaultdict(lambda: {arm: set() for arm in Arm})
    for one in live.parents.values():
        drawn = one.policy.experiment
        if drawn is not None and drawn.name == experiment and "mixed_scorers" not in one.reasons:
            found[one.kind][drawn.arm].update(one.scorers)
    digests = {arm: sorted({digest for own in found.values() for digest in own[arm]}) for arm in Arm}
    sides = [(own[Arm.CONTROL], own[Arm.CANDIDATE]) for own in found.values()]
    return ArmScorers(digests, any(one != other and one & other for one, other in sides if one and other))


def _bad(label: LabelGiven | None, decision: Seen, asked: Asked) -> bool | None:
    """Return what a label says of a parent; None where there is none."""
    if label is None or label.value is None:
        return None
    return label.value < (decision.policy.rule.bad_below if asked.bad_below is None else asked.bad_below)


def _known_at(label: LabelGiven | None, decided_at: int) -> tuple[int, int]:
    return (decided_at if label is None else max(decided_at, label.at)), decided_at


def _in_order(found: Iterable[Observed]) -> list[Observed]:
    return sorted(found, key=lambda one: (one.known_at, one.parent_id))
