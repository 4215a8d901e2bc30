"""Which labels count: the last one of each person and target, and of several people what most of them say. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from schemas.labels import LabelGiven, Target

Conflicts = Literal["majority", "drop"]
"""Where people disagree on which side of the cut a target is: what most of them say, or nothing."""

CUT = 0.5  # a label below it is bad, where no policy says otherwise


@dataclass(frozen=True, slots=True)
class Judged:
    """What the labels of a target come to: one label, and those of the people that it was made of."""

    label: LabelGiven
    people: tuple[LabelGiven, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What labels come to.

    Attributes:
        judged: one a target, in the order of the first label of each.
        conflicts: targets whose people are on both sides of the cut, whatever was made of them.
        dropped: targets of them that have no label in the end.
        not_judged: targets that nobody could judge.
    """

    judged: tuple[Judged, ...]
    conflicts: tuple[tuple[LabelGiven, ...], ...] = ()
    dropped: int = 0
    not_judged: int = 0


def last_of_each(labels: Iterable[LabelGiven]) -> list[LabelGiven]:
    """Return the last label of each person and target: that with the latest `at`, and of one time the last given."""
    last: dict[tuple[str, Target], LabelGiven] = {}
    for label in labels:
        key = (label.who, label.target)
        before = last.get(key)
        if before is None or label.at >= before.at:
            last[key] = label
    return list(last.values())


def by_target(labels: Iterable[LabelGiven]) -> Mapping[Target, Sequence[LabelGiven]]:
    """Return the last label of each person by target."""
    found: defaultdict[Target, list[LabelGiven]] = defaultdict(list)
    for label in last_of_each(labels):
        found[label.target].append(label)
    return found


def counted(labels: Iterable[LabelGiven], conflicts: Conflicts = "majority", cut: float = CUT) -> Counted:
    """Return what labels come to: one a target.

    Args:
        labels: of any number of people, in the order in which they were given.
        conflicts: what becomes of a target whose people are on both sides of the cut. A draw has no majority.
        cut: a value below it is bad.
    """
    judged, clashes, dropped, not_judged = [], [], 0, 0
    for own in by_target(labels).values():
        able = [one for one in own if one.value is not None]
        good = [one for one in able if (one.value or 0.0) >= cut]
        bad = [one for one in able if (one.value or 0.0) < cut]
        if not able:
            not_judged += 1
            continue
        side = max(good, bad, key=len)
        if good and bad:
            clashes.append(tuple(able))
            if conflicts == "drop" or len(good) == len(bad):
                dropped += 1
                continue
        judged.append(Judged(_one_of(side), tuple(able)))
    return Counted(tuple(judged), tuple(clashes), dropped, not_judged)


def conflicting(labels: Iterable[LabelGiven], cut: float = CUT) -> list[tuple[LabelGiven, ...]]:
    """Return the labels of each target whose people are on both sides of the cut."""
    return list(counted(labels, "drop", cut).conflicts)


def _one_of(side: Sequence[LabelGiven]) -> LabelGiven:
    """Return one label for those of people who agree: the mean of their values, and of the rest what all of them say.

    Where they were drawn with several probabilities, that of the target is not known.
    """
    last = max(side, key=lambda label: label.at)
    if len(side) == 1:
        return last
    same = {
        name: values.pop() if len(values := {getattr(one, name) for one in side}) == 1 else None
        for name in ("guideline", "probability", "decision_id", "group")
    }
    return last.model_copy(
        update={
            **same,
            "value": fmean(one.value for one in side if one.value is not None),
            "who": "+".join(sorted({one.who for one in side})),
            "defects": tuple(dict.fromkeys(name for one in side for name in one.defects)),
        }
    )
