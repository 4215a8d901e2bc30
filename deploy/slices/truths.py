"""Labels beside decisions: which window each label is about, and what could not be used. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.errors import ConfigurationError
from deploy.labels.counting import Conflicts, counted
from deploy.slices.outcomes import Outcome
from schemas.labels import LabelGiven

Key = tuple[str, str]
_SHOWN: Final = 5  # parents that are named

OF_ITEMS: Final = "of single items"
UNKNOWN: Final = "of parents without a decision"
AMBIGUOUS: Final = "of parents with several windows, without saying which"
CANNOT: Final = "that nobody could judge"
CONFLICTING: Final = "on which people disagree"


@dataclass(frozen=True, slots=True)
class Truth:
    """What people say of a window: its quality, whether it is bad, how it was drawn, and what it belongs to."""

    value: float
    bad: bool
    probability: float | None
    group: str | None


@dataclass(frozen=True, slots=True)
class Truths:
    """What is known of windows, how many labels or windows were left out by cause, and parents of unknown labels."""

    by_window: Mapping[Key, Truth]
    left_out: Counter[str]
    unknown: Sequence[str]
    digest: str

    def notices(self) -> list[str]:
        """Return what a reader has to know, in sentences."""
        found = [f"labels left out: {count:,} {cause}" for cause, count in self.left_out.items() if count]
        if self.unknown:
            more = f" and {len(self.unknown) - _SHOWN:,} more" if len(self.unknown) > _SHOWN else ""
            found.append(f"no decision here about {', '.join(self.unknown[:_SHOWN])}{more}")
        return found


def truths(outcomes: Iterable[Outcome], labels: Iterable[LabelGiven], conflicts: Conflicts = "majority") -> Truths:
    """Return what labels say of windows.

    A label that names no window is about its parent's only one. Which of several labels counts is for `deploy.labels`
    to say; the cut between good and bad is that of the rule of the decision.
    """
    windows: defaultdict[str, dict[str, Outcome]] = defaultdict(dict)
    for one in outcomes:
        windows[one.parent_id][one.window] = one
    left_out: Counter[str] = Counter()
    unknown: dict[str, None] = {}
    by_cut: defaultdict[float, list[LabelGiven]] = defaultdict(list)
    for label in labels:
        own = windows.get(label.parent_id, {})
        cause = _unusable(label, own)
        if cause is None:
            window = label.window or next(iter(own))
            by_cut[own[window].policy.rule.bad_below].append(label.model_copy(update={"window": window}))
        else:
            left_out[cause] += 1
            unknown |= {label.parent_id: None} if cause == UNKNOWN else {}
    found: dict[Key, Truth] = {}
    for cut, own_labels in sorted(by_cut.items()):
        said = counted(own_labels, conflicts, cut)
        left_out[CANNOT] += said.not_judged
        left_out[CONFLICTING] += said.dropped
        found |= {(one.label.parent_id, str(one.label.window)): _truth(one.label, cut) for one in said.judged}
    return Truths(found, left_out, list(unknown), _digest(found))


def checked_probabilities(found: Iterable[Truth]) -> tuple[bool, str | None]:
    """Return whether the probabilities of labels are to be used, and a notice where none is known.

    Raises:
        ConfigurationError: some labels have one and others have none.
    """
    known = Counter(one.probability is not None for one in found)
    if known[True] and known[False]:
        raise ConfigurationError(
            f"{known[False]:,} labels have no sampling probability, and {known[True]:,} have one: what was drawn"
            " unequally cannot be weighed without it. Give all of them one, or pass --equally-drawn, which takes all"
            " labels as drawn alike"
        )
    if known[True]:
        return True, None
    told = "no label says with which probability it was drawn: all are taken as drawn alike" if known[False] else None
    return False, told


def _unusable(label: LabelGiven, own: Mapping[str, Outcome]) -> str | None:
    if not label.of_parent:
        return OF_ITEMS
    if not own or (label.window is not None and label.window not in own):
        return UNKNOWN
    return AMBIGUOUS if label.window is None and len(own) > 1 else None


def _truth(label: LabelGiven, cut: float) -> Truth:
    value = 0.0 if label.value is None else label.value  # those that are judged have one
    return Truth(value, value < cut, label.probability, label.group)


def _digest(found: Mapping[Key, Truth]) -> str:
    lines = (f"{parent}\t{window}\t{truth.value!r}\n" for (parent, window), truth in sorted(found.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
