"""How many labels there are, by source and kind. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from deploy.labels.counting import counted, last_of_each
from schemas.labels import LabelGiven


@dataclass(frozen=True, slots=True)
class Tally:
    """The labels of one source and kind that count.

    Attributes:
        source, kind: None where no label says.
        labels: the last one of each person and target.
        parents, items: targets that have a value.
        people: who gave them.
        bad: targets whose value is below the cut.
        conflicts: targets whose people are on both sides of it.
        not_judged: targets that nobody could judge.
        with_probability: labels whose probability is known.
        guidelines: versions that were followed.
        last_at: when the last one was given, ms since 1970.
    """

    source: str | None
    kind: str | None
    labels: int
    parents: int
    items: int
    people: int
    bad: int
    conflicts: int
    not_judged: int
    with_probability: int
    guidelines: tuple[str, ...]
    last_at: int

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def tallies(labels: Iterable[LabelGiven], cut: float) -> list[Tally]:
    """Return how many labels there are of each source and kind; a value below the cut is bad."""
    groups: defaultdict[tuple[str, str], list[LabelGiven]] = defaultdict(list)
    for label in last_of_each(labels):
        groups[label.source or "", label.kind or ""].append(label)
    return [_tally(own, cut) for _, own in sorted(groups.items())]


def _tally(own: list[LabelGiven], cut: float) -> Tally:
    found = counted(own, "majority", cut)
    values = [one.label for one in found.judged]
    return Tally(
        source=own[0].source,
        kind=own[0].kind,
        labels=len(own),
        parents=sum(one.of_parent for one in values),
        items=sum(not one.of_parent for one in values),
        people=len({one.who for one in own}),
        bad=sum((one.value or 0.0) < cut for one in values),
        conflicts=len(found.conflicts),
        not_judged=found.not_judged,
        with_probability=sum(one.probability is not None for one in own),
        guidelines=tuple(sorted({one.guideline for one in own if one.guideline is not None})),
        last_at=max(one.at for one in own),
    )
