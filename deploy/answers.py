"""Which answers of a parent count, found out again from the records on `scores`: for the report and for `explain`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from aggregation.answers import replaces, value_of
from aggregation.refill import Refill
from aggregation.ruling import Ruling, foresee, rule_on, weigh
from aggregation.spans import WHOLE
from aggregation.window import Window
from schemas import wire
from schemas.policy import Rule

State = Literal["scored", "ruled", "failed", "skipped"]
Standing = Literal["counted", "duplicate", "late", "withdrawn"]

_STATES: dict[type[wire.ItemAnswer], State] = {
    wire.ItemScored: "scored",
    wire.ItemRuled: "ruled",
    wire.ItemFailed: "failed",
    wire.ItemSkipped: "skipped",
}


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
    """An item's answer and whether it counts.

    Further ones for an index are duplicates, those after the end late; a withdrawal takes those before it away.
    """

    offset: int
    value: wire.ItemAnswer
    place: Place
    standing: Standing

    @property
    def state(self) -> State:
        """What became of the item."""
        return _STATES[type(self.value)]

    @property
    def score(self) -> float | None:
        """The item's score, where it has one; of an item that a rule has answered it is 0."""
        if isinstance(self.value, wire.ItemRuled):
            return 0.0
        return self.value.score if isinstance(self.value, wire.ItemScored) else None

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons of a score, or the rule or the cause of having none."""
        if isinstance(self.value, wire.ItemScored):
            return self.value.reasons + self.value.flags
        if isinstance(self.value, wire.ItemRuled):
            return self.value.rule, *self.value.flags
        return (self.value.cause,)


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


def read_marker(value: bytes | None) -> wire.PolicyActivated | None:
    """Return the word that a policy version is in force; None for any other record."""
    try:
        record = wire.decode(value)
    except wire.UNREADABLE:
        return None
    return record if isinstance(record, wire.PolicyActivated) else None


def weighed(
    records: Iterable[Record],
    rule: Rule,
    through: int | None = None,
    *,
    window: str = WHOLE,
    truncated: bool = False,
    early: bool = False,
) -> Weighed | None:
    """Fill a window as the decider does and rule on it.

    Args:
        records: of one parent, from the window's first record on, in their order. Those of its other windows are
            passed over.
        rule: the one that the window is decided under.
        through: last offset that was read before the window was closed; None where it is open.
        window: its id.
        truncated: whether retention had deleted records of it.
        early: whether it was decided before all of its items were answered.

    Returns:
        None where there is no record up to `through`.
    """
    again = Refill(rule, window)
    counts = [record for record in records if again.concerns(record.value)]
    within = [record for record in counts if through is None or record.offset <= through]
    for record in within:
        again.take(record.offset, record.value)
    filled = again.window
    if filled is None:
        return None
    filled.truncated = truncated
    numbers = _numbers(within)
    counted = _counted(within, numbers)
    found = [
        Answer(record.offset, record.value, record.place, _standing(record, record.value, counted, numbers, through))
        for record in counts
        if not isinstance(record.value, wire.ParentEnded | wire.ItemWithdrawn)
    ]
    ruling = foresee(filled) if early else None
    return Weighed(found, filled, ruling or rule_on(filled, weigh(filled)))


def _numbers(records: Iterable[Record]) -> dict[int, int]:
    """Return what number an answer of each index must have to count."""
    numbers: dict[int, int] = {}
    for record in records:
        if not isinstance(record.value, wire.ParentEnded):
            index = record.value.index
            numbers[index] = max(record.value.again, numbers.get(index, 0))
    return numbers


def _counted(records: Iterable[Record], numbers: Mapping[int, int]) -> set[int]:
    """Return the offsets of the answers that count: one an index, or none where it was withdrawn."""
    best: dict[int, tuple[float, int]] = {}
    for record in records:
        answer = record.value
        if isinstance(answer, wire.ParentEnded | wire.ItemWithdrawn) or answer.again < numbers[answer.index]:
            continue
        value = value_of(answer)
        if answer.index not in best or replaces(value, best[answer.index][0]):
            best[answer.index] = (value, record.offset)
    return {offset for _, offset in best.values()}


def _standing(
    record: Record, answer: wire.ItemAnswer, counted: set[int], numbers: Mapping[int, int], through: int | None
) -> Standing:
    if through is not None and record.offset > through:
        return "late"
    if record.offset in counted:
        return "counted"
    return "withdrawn" if answer.again < numbers[answer.index] else "duplicate"
