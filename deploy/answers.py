"""Which answers of a parent count, found out again from the records on `scores`: for the report and for `explain`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from aggregation.decision import Ruling, rule_on, weigh
from aggregation.lane import Lane
from aggregation.window import Window
from schemas import wire
from schemas.policy import Rule

State = Literal["scored", "failed", "skipped"]
Standing = Literal["counted", "duplicate", "late"]


class Place(msgspec.Struct, frozen=True):
    """What `wire` leaves out since no decision needs it; a foreign record may lack it."""

    item_partition: int | None = None
    item_offset: int | None = None
    cached: bool = False
    detail: str = ""


_place = msgspec.json.Decoder(Place)


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a parent as it lies on `scores`."""

    offset: int
    value: wire.ItemAnswer | wire.ParentEnded
    place: Place


@dataclass(frozen=True, slots=True)
class Answer:
    """An item's answer and whether it counts. Further ones for an index are duplicates, those after the end late."""

    offset: int
    value: wire.ItemAnswer
    place: Place
    standing: Standing

    @property
    def state(self) -> State:
        """What became of the item."""
        if isinstance(self.value, wire.ItemScored):
            return "scored"
        return "failed" if isinstance(self.value, wire.ItemFailed) else "skipped"

    @property
    def score(self) -> float | None:
        """The item's score, where it has one."""
        return self.value.score if isinstance(self.value, wire.ItemScored) else None

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons of a score, or the cause of having none."""
        return self.value.reasons if isinstance(self.value, wire.ItemScored) else (self.value.cause,)


@dataclass(frozen=True, slots=True)
class Weighed:
    """The answers of a parent in the order of their records, and what they come to under a rule."""

    answers: Sequence[Answer]
    window: Window
    ruling: Ruling

    @property
    def counted(self) -> list[Answer]:
        """The answers that count, by index."""
        found = [answer for answer in self.answers if answer.standing == "counted"]
        return sorted(found, key=lambda answer: answer.value.index)


def read(offset: int, value: bytes | None) -> Record | None:
    """Return a record of a parent; None for what is not one, which the decider passes over too."""
    try:
        record = wire.decode(value)
    except wire.UNREADABLE:
        return None
    if isinstance(record, wire.PolicyActivated):
        return None
    try:
        place = _place.decode(value or b"")
    except msgspec.DecodeError:
        place = Place()
    return Record(offset, record, place)


def weighed(
    records: Iterable[Record], rule: Rule, through: int | None = None, *, truncated: bool = False
) -> Weighed | None:
    """Fill a window as the decider does and rule on it.

    Args:
        records: of one parent, from the window's first record on, in their order.
        rule: the one that the window is decided under.
        through: last offset that was read before the window was closed; None where it is open.
        truncated: whether retention had deleted records of it.

    Returns:
        None where there is no record up to `through`.
    """
    records = list(records)
    within = [record for record in records if through is None or record.offset <= through]
    if not within:
        return None
    window = Window(within[0].value, within[0].offset, Lane(rule), 0)
    window.truncated = truncated
    for record in within:
        if isinstance(record.value, wire.ParentEnded):
            window.end(record.value)
        else:
            window.add(record.value)
    answers = [
        Answer(record.offset, record.value, record.place, _standing(record, window, through))
        for record in records
        if not isinstance(record.value, wire.ParentEnded)
    ]
    return Weighed(answers, window, rule_on(window, weigh(window)))


def _standing(record: Record, window: Window, through: int | None) -> Standing:
    if through is not None and record.offset > through:
        return "late"
    answer = record.value
    kept = not isinstance(answer, wire.ParentEnded) and window.answers[answer.index] is answer
    return "counted" if kept else "duplicate"
