"""The items behind a flip: the lowest ones of both sides, each with what either side makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from deploy import answers
from deploy.answers import Record
from deploy.diff.flips import Flip
from schemas.decisions import Decision

if TYPE_CHECKING:
    from deploy.report.previews import Preview  # a page alone needs what this imports

LOWEST: Final = 3  # of each side

Place = tuple[int, int]
"""Partition and offset on `items`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one side makes of an item; `score` is None where it has none, and `why` says why."""

    score: float | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """An item of a window: what either side makes of it, and where it lies on `items`. None: not known."""

    index: int
    item_id: str
    before: Seen | None
    after: Seen | None
    place: Place | None

    @property
    def lowest(self) -> float:
        """The lower of both scores; 1 where there is none."""
        return min((one.score for one in (self.before, self.after) if one and one.score is not None), default=1.0)

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons of both sides."""
        return tuple(dict.fromkeys(code for one in (self.before, self.after) if one for code in one.why))


@dataclass(slots=True)
class Shown:
    """A flip with both of its decisions and the items behind it.

    Attributes:
        previews: Of the items, by their places.
        withheld: Its items are a patient's, and nobody asked for them.
    """

    flip: Flip
    decisions: tuple[Decision | None, Decision | None] = (None, None)
    items: list[Behind] = field(default_factory=list)
    previews: Mapping[Place, Preview] = field(default_factory=dict)
    withheld: bool = False

    @property
    def unknown(self) -> bool:
        """Whether it is not known of an item what one of both sides makes of it."""
        return any(item.before is None or item.after is None for item in self.items)

    @property
    def places(self) -> list[Place]:
        """Where the items lie that may be shown."""
        return [] if self.withheld else [item.place for item in self.items if item.place is not None]

    def preview(self, item: Behind) -> Preview | None:
        """Return what an item looks like."""
        return None if item.place is None else self.previews.get(item.place)


def show(
    flip: Flip,
    decisions: tuple[Decision | None, Decision | None],
    records: tuple[Sequence[Record], Sequence[Record]],
    *,
    withheld: bool = False,
) -> Shown:
    """Return a flip with the items behind it.

    Args:
        flip: the window.
        decisions: of both sides, as far as they are to be had.
        records: of the window's parent on each side; without any, the worst items of the decision stand for them.
        withheld: its items may not be shown.
    """
    counted = [_counted(decision, own) for decision, own in zip(decisions, records, strict=True)]
    sides = [own or _worst(decision) for own, decision in zip(counted, decisions, strict=True)]
    chosen = sorted({index for side in sides for index in _lowest(side)})
    items = [_behind(index, sides[0].get(index), sides[1].get(index)) for index in chosen]
    return Shown(
        flip,
        decisions,
        sorted(items, key=lambda item: (item.lowest, item.index)),
        withheld=withheld,
    )


@dataclass(frozen=True, slots=True)
class _Item:
    item_id: str
    seen: Seen
    place: Place | None


def _counted(decision: Decision | None, records: Sequence[Record]) -> dict[int, _Item]:
    """Return the items that a decision counts, by index; empty where their records are not at hand."""
    if decision is None:
        return {}
    own = [record for record in records if record.offset >= decision.first_offset]
    early = decision.bounds is not None
    found = answers.weighed(own, decision.policy.rule, decision.through_offset, window=decision.window, early=early)
    if found is None:
        return {}
    return {
        answer.value.index: _Item(answer.value.item_id, Seen(answer.score, answer.why), _place(answer.place))
        for answer in found.counted
    }


def _place(place: answers.Place) -> Place | None:
    if place.item_partition is None or place.item_offset is None:
        return None
    return place.item_partition, place.item_offset


def _worst(decision: Decision | None) -> dict[int, _Item]:
    worst = () if decision is None else decision.worst
    return {item.index: _Item(item.item_id, Seen(item.score, item.reasons), None) for item in worst}


def _lowest(side: Mapping[int, _Item]) -> Iterable[int]:
    """Return the indices of the lowest items of a side; those without a score are no lowest ones."""
    scored = [(item.seen.score, index) for index, item in side.items() if item.seen.score is not None]
    return [index for _, index in sorted(scored)[:LOWEST]]


def _behind(index: int, before: _Item | None, after: _Item | None) -> Behind:
    known = [item for item in (before, after) if item is not None]
    place = next((item.place for item in known if item.place is not None), None)
    return Behind(
        index,
        known[0].item_id,
        before.seen if before else None,
        after.seen if after else None,
        place,
    )
