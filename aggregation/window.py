"""One window of a parent: what has been answered so far, in a form that no order and no duplicate can change.

A million of them fit into two gigabytes, and a million items into one: a few bytes an item, and only the worst items
are kept by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregation.again import Again
from aggregation.answers import ABSENT, FAILED, SKIPPED, WITHDRAWN, Answers, replaces, value_of
from aggregation.spans import WHOLE_PARENT, Key, Span, key_of
from aggregation.worst import WORST_ITEMS, Worst, note, ranked
from schemas import wire

if TYPE_CHECKING:
    from aggregation.known import Known
    from aggregation.lane import Lane

_MOST_CAUSES = 8  # of failures that are named in a decision
_NOTE_CELLS = 12  # of an answer, which an index in a set takes as much as
_NO_LIMIT = 2.0  # above every score
_NOTHING = Answers()
_NO_FLAGS: frozenset[str] = frozenset()


class Window:
    """The items of one window that have been answered, one answer an index."""

    __slots__ = (
        "active_at",
        "again",
        "answers",
        "base",
        "calibrated",
        "causes",
        "count",
        "count_conflict",
        "decided",
        "duplicates",
        "expected",
        "failed",
        "first_at",
        "first_offset",
        "flags",
        "gone",
        "id",
        "key",
        "kind",
        "lane",
        "last_at",
        "look_at",
        "opened_at",
        "origin_conflict",
        "parent_id",
        "queued",
        "renewed",
        "reopened",
        "ruled",
        "scorer",
        "scorers",
        "size",
        "skipped",
        "source",
        "time_before",
        "truncated",
        "uncalibrated",
        "waits",
        "whole",
        "worst",
        "worst_limit",
    )

    def __init__(
        self, first: wire.ItemAnswer | wire.ParentEnded, span: Span, lane: Lane, offset: int, time_before: int
    ) -> None:
        """Open a window.

        Args:
            first: the first record of the window on `scores`; it is not yet added.
            span: which window of the parent it is.
            lane: of the rule of the policy for its kind and source.
            offset: of the record.
            time_before: stream time before this record, in ms; where a re-read from here must start.
        """
        self.parent_id = first.parent_id
        self.key: Key = first.parent_id
        self.kind, self.source = lane.scope(first.kind, first.source)
        self.id, self.base, self.size = span
        self.whole = span is WHOLE_PARENT  # it holds all items of its parent
        if not self.whole:
            self.key = key_of(first.parent_id, span.id)
        self.lane = lane
        self.first_offset = offset
        self.time_before = time_before
        self.opened_at = self.active_at = max(time_before, first.appended_at)
        self.first_at = self.last_at = first.appended_at
        self.count: int | None = None  # of the parent, as its producer says
        self.expected = span.size
        self.failed = self.skipped = self.duplicates = 0
        self.worst: list[Worst] = []
        self.worst_limit = _NO_LIMIT
        self.scorer = ""
        self.scorers: set[str] | None = None  # where there is more than the first
        self.causes: tuple[str, ...] = ()  # of failures
        self.flags = _NO_FLAGS  # rules about items that send the parent to review
        self.ruled: set[int] | None = None  # indices that a rule has answered with 0
        self.calibrated: bool | None = None  # None: nothing was scored, or both
        self.uncalibrated: set[int] | None = None  # indices, where there are both
        self.look_at = 1 if lane.terms.early else None  # answers, until it is seen whether the action is settled
        self.count_conflict = self.origin_conflict = False
        self.truncated = False  # retention may have deleted records of it before they were read
        self.reopened = False  # an earlier decision of it has been forgotten
        self.renewed = False  # begun again by a withdrawal, without the answers that it was decided by
        self.again: Again | None = None  # where answers were withdrawn
        self.decided: Known | None = None  # the decision that a revision would replace
        self.waits = True  # for answers, or for its time
        self.queued = False  # whether it stands in its lane's heap
        self.gone = False  # nothing can come of it any more
        if type(first) is wire.ItemScored:
            self.scorer, self.calibrated = lane.shared(first.scorer), first.calibrated
        if first.count is None:
            self.answers = Answers(span.size)
        elif self.whole:
            self.count = self.expected = first.count
            self.answers = Answers(first.count)
        else:
            self._learn_count(first.count)
            self.answers = Answers(self.expected)

    def add(self, answer: wire.ItemAnswer) -> bool:
        """Take one item's answer. A further answer for an index is counted, and the better of both stays.

        Returns:
            Whether every expected item has been answered.
        """
        answers = self.answers
        row, place = answers.row, answer.index - self.base - answers.start
        if (  # the first for its index, where a cell is ready, and like those before: as nearly all are
            type(answer) is wire.ItemScored
            and 0 <= place < len(row)
            and row[place] == ABSENT
            and answer.scorer == self.scorer
            and answer.calibrated is self.calibrated
            and answer.count == self.count
            and answer.source == self.source
            and answer.kind == self.kind
            and not answer.flags
            and not answer.again
        ):
            at, score = answer.appended_at, answer.score
            if at > self.last_at:
                self.last_at = at
            elif at < self.first_at:
                self.first_at = at
            row[place] = score
            answers.filled += 1
            if score <= self.worst_limit:
                worst = self.worst
                reasons = answer.reasons and self.lane.shared_reasons(answer.reasons)
                worst.append((score, answer.index, answer.item_id, reasons))
                if len(worst) > WORST_ITEMS:
                    worst.sort()
                    worst.pop()
                    self.worst_limit = worst[-1][0]
        else:
            self._take(answer)
        expected = self.expected
        return expected is not None and answers.filled >= expected

    def _take(self, answer: wire.ItemAnswer) -> None:
        self._note(answer)
        place = answer.index - self.base
        if (self.again is not None or answer.again) and not self._counts(answer, place):
            return
        if type(answer) is wire.ItemScored:
            if answer.calibrated is not self.calibrated:
                self._note_calibration(answer)
        elif type(answer) is wire.ItemRuled:
            self._note_rule(answer)
        self._insert(answer, place, value_of(answer))

    def _counts(self, answer: wire.ItemAnswer, place: int) -> bool:
        """Whether an answer is one, and not withdrawn. One with a higher number withdraws those before it."""
        number = self._number(place)
        if answer.again > number:
            self._withdraw(place, answer.again)
        if type(answer) is wire.ItemWithdrawn:
            return False
        if answer.again < number:
            self.duplicates += 1
            self._name(answer, value_of(answer))  # as it would have been, had it come before
        return answer.again >= number

    def _number(self, place: int) -> int:
        """Return the number that an answer of a place must have to count."""
        return 0 if self.again is None else self.again.numbers.get(place, 0)

    def _withdraw(self, place: int, number: int) -> None:
        """Let no answer of a place count that has a lower number than this."""
        before = self.cells
        if self.again is None:
            self.again = Again()
        self.again.numbers[place] = number
        old = self.answers.withdraw(place)
        self.duplicates += old > ABSENT
        self.failed -= old == FAILED
        self.skipped -= old == SKIPPED
        for noted in (self.ruled, self.uncalibrated):
            if noted is not None:
                noted.discard(place + self.base)
        self.lane.cells += self.cells - before

    def _note(self, record: wire.ItemAnswer | wire.ParentEnded) -> None:
        """Learn what a record tells whether or not it counts, so that no order matters."""
        self.last_at = max(self.last_at, record.appended_at)
        self.first_at = min(self.first_at, record.appended_at)
        if record.kind != self.kind or record.source != self.source:
            self.origin_conflict = True
        if record.count is not None and record.count != self.count:
            self._learn_count(record.count)
        if type(record) is wire.ItemScored:
            if record.scorer != self.scorer:
                self._note_scorer(record.scorer)
            self._note_flags(record.flags)
        elif type(record) is wire.ItemRuled:
            self._note_flags(record.flags)
        elif type(record) is wire.ItemFailed and record.cause not in self.causes:
            self.causes = tuple(sorted((*self.causes, record.cause))[:_MOST_CAUSES])

    def end(self, marker: wire.ParentEnded) -> None:
        """Take the producer's word that nothing more will come. Without a count, what has come may be all."""
        self._note(marker)
        if self.count is None:
            self.expected = None

    def holds(self, answer: wire.ItemAnswer) -> bool:
        """Whether an answer would change nothing, since its index has one that is as good, or awaits another."""
        place = answer.index - self.base
        if answer.again != self._number(place):
            return answer.again < self._number(place)
        old = self.answers.get(place)
        return type(answer) is wire.ItemWithdrawn or (old > ABSENT and not replaces(value_of(answer), old))

    def _insert(self, answer: wire.ItemAnswer, place: int, value: float) -> None:
        """Take an answer that is not the next one in order."""
        old = self.answers.get(place)
        if old == ABSENT:
            cells = self.answers.cells
            self.answers.put(place, value)
            self.lane.cells += self.answers.cells - cells
            self._note_value(answer, value)
            return
        if old == WITHDRAWN:
            self.answers.restore(place, value)
            self._note_value(answer, value)
            return
        self.duplicates += 1
        if replaces(value, old):
            self.answers.replace(place, value)
            self.failed -= old == FAILED
            self.skipped -= old == SKIPPED
            self._note_value(answer, value)
        elif value == old >= 0.0:
            self._note_value(answer, value)  # of two that are alike the same one is named, whichever came first

    def _note_value(self, answer: wire.ItemAnswer, value: float) -> None:
        """Learn from a value that stands for its index."""
        if value >= 0.0:
            self._name(answer, value)
        elif value == FAILED:
            self.failed += 1
        else:
            self.skipped += 1

    def _name(self, answer: wire.ItemAnswer, value: float) -> None:
        """Note an item by name if it is among the worst."""
        if type(answer) is wire.ItemScored:
            if value <= self.worst_limit or answer.again:
                self._note_worst(value, answer, answer.reasons)
        elif type(answer) is wire.ItemRuled:
            self._note_worst(0.0, answer, (answer.rule,))

    def _note_worst(self, score: float, answer: wire.ItemScored | wire.ItemRuled, reasons: tuple[str, ...]) -> None:
        item = (score, answer.index, answer.item_id, self.lane.shared_reasons(reasons))
        if answer.again and self.again is not None:
            self.again.note(answer.again, item)
            return
        self.worst = note(self.worst, item)
        if len(self.worst) == WORST_ITEMS:
            self.worst_limit = self.worst[-1][0]

    def _note_rule(self, answer: wire.ItemRuled) -> None:
        before = self.cells
        if self.ruled is None:
            self.ruled = set()
        self.ruled.add(answer.index)
        self.lane.cells += self.cells - before

    def _note_flags(self, flags: tuple[str, ...]) -> None:
        if not self.flags.issuperset(flags):
            self.flags = self.flags.union(flags)

    def _note_scorer(self, scorer: str) -> None:
        if not self.scorer:
            self.scorer = self.lane.shared(scorer)
        elif self.scorers is None:
            self.scorers = {self.scorer, scorer}
        else:
            self.scorers.add(scorer)

    def _note_calibration(self, item: wire.ItemScored) -> None:
        """Learn from an item whose head is not as all before: an index with any uncalibrated answer is uncalibrated."""
        before = self.cells
        self._note_head(item)
        self.lane.cells += self.cells - before

    def _note_head(self, item: wire.ItemScored) -> None:
        if self.uncalibrated is not None:
            if not item.calibrated:
                self.uncalibrated.add(item.index)
        elif self.calibrated is None:
            self.calibrated = item.calibrated
        else:
            scored = () if self.calibrated else (place for place, value in self.answers.items() if value >= 0.0)
            self.uncalibrated = {place + self.base for place in scored}
            self.calibrated = None
            self._note_head(item)

    def _learn_count(self, count: int) -> None:
        self.count_conflict = self.count_conflict or self.count is not None
        self.count = count if self.count is None else max(self.count, count)
        if self.size is not None:
            self.expected = min(self.size, max(0, self.count - self.base))
        elif self.whole:
            self.expected = self.count

    def vanish(self) -> None:
        """Let go of what was answered: nothing can come of it any more, though a list may still hold the window."""
        self.gone = True
        self.answers = _NOTHING
        self.worst = []
        self.uncalibrated = self.ruled = self.again = None

    @property
    def cells(self) -> int:
        """What its answers take, in cells of 8 bytes: the row of them, those far from it, notes about single ones."""
        notes = len(self.uncalibrated or ()) + len(self.ruled or ())
        if self.again is not None:
            notes += len(self.again.numbers)
        return self.answers.cells + _NOTE_CELLS * notes

    @property
    def scored(self) -> int:
        """How many items have a score, or count as 0 by a rule."""
        return self.answers.filled - self.failed - self.skipped

    @property
    def late(self) -> int:
        """How many items have been answered since the window was decided first."""
        return 0 if self.decided is None else max(0, self.answers.filled - self.decided.on_time)

    @property
    def named(self) -> list[Worst]:
        """The items to be named in a decision, the lowest score first."""
        return ranked(self.worst) if self.again is None else self.again.standing(self.worst, self.base)

    @property
    def missing(self) -> int:
        """How many items are known to be without an answer; without a count, the gaps between the indices seen."""
        answers = self.answers
        if self.expected is not None:
            return max(0, self.expected - answers.filled)
        if not answers.filled:
            return 0
        by_index = self.whole or self.size is not None
        return answers.highest() + 1 - (0 if by_index else answers.lowest()) - answers.filled

    @property
    def index_beyond_count(self) -> bool:
        """Whether an item's index does not fit the parent's count."""
        count, answers = self.count, self.answers
        if count is None or (answers.far is None and self.base + answers.start + len(answers.row) <= count):
            return False
        return self.base + answers.highest() >= count
