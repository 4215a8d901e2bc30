"""One window of a parent: what has been answered so far, in a form that no order and no duplicate can change.

A million of them fit into two gigabytes, and a million items into one: a few bytes an item, and only the worst items
are kept by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aggregation.answers import ABSENT, FAILED, SKIPPED, Answers, replaces
from aggregation.spans import WHOLE_PARENT, Span, key_of
from schemas import wire

if TYPE_CHECKING:
    from aggregation.known import Known
    from aggregation.lane import Lane

WORST_ITEMS = 3
_MOST_CAUSES = 8  # of failures that are named in a decision
_NO_LIMIT = 2.0  # above every score


class Worst(msgspec.Struct, order=True, frozen=True, gc=False):
    """One of the items with the lowest scores. The order of the fields is that in which they are ranked."""

    score: float
    index: int
    item_id: str
    reasons: tuple[str, ...]


class Window:
    """The items of one window that have been answered, one answer an index."""

    __slots__ = (
        "active_at",
        "answers",
        "base",
        "calibrated",
        "causes",
        "count",
        "count_conflict",
        "decided",
        "duplicates",
        "enough",
        "expected",
        "failed",
        "first_at",
        "first_offset",
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
        "reopened",
        "scorer",
        "scorers",
        "size",
        "skipped",
        "source",
        "time_before",
        "truncated",
        "uncalibrated",
        "waiting",
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
        self.parent_id = self.key = first.parent_id
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
        self.answers = Answers()
        self.waiting: list[wire.ItemAnswer] = []  # to be taken in
        self.failed = self.skipped = self.duplicates = 0
        self.worst: list[Worst] = []
        self.worst_limit = _NO_LIMIT
        self.scorer = ""
        self.scorers: set[str] | None = None  # where there is more than the first
        self.causes: tuple[str, ...] = ()  # of failures
        self.calibrated: bool | None = None  # None: nothing was scored, or both
        self.uncalibrated: set[int] | None = None  # indices, where there are both
        self.look_at = 1 if lane.terms.early else None  # answers, until it is seen whether the action is settled
        self.count_conflict = self.origin_conflict = False
        self.truncated = False  # retention may have deleted records of it before they were read
        self.reopened = False  # an earlier decision of it has been forgotten
        self.decided: Known | None = None  # the decision that a revision would replace
        self.waits = True  # for answers, or for its time
        self.gone = False  # nothing can come of it any more
        if type(first) is wire.ItemScored:
            self.scorer, self.calibrated = lane.shared(first.scorer), first.calibrated
        if first.count is not None:
            self._learn_count(first.count)
        self.enough = lane.patience if self.expected is None else min(lane.patience, self.expected)

    def add(self, answer: wire.ItemAnswer) -> bool:
        """Take one item's answer. A further answer for an index is counted, and the better of both stays.

        Answers wait in a short list, since taking several in at once costs a fraction of taking each by itself.

        Returns:
            Whether every expected item has been answered.
        """
        waiting = self.waiting
        waiting.append(answer)
        if len(waiting) < self.enough and (answer.count == self.count or answer.count is None):
            return False
        self.take_in()
        expected = self.expected
        return expected is not None and self.answers.filled >= expected

    def take_in(self) -> None:
        """Take in the answers that wait."""
        waiting = self.waiting
        if not waiting:
            return
        if not self._take_in_order(waiting):
            for answer in waiting:
                self._take(answer)
        waiting.clear()
        patience, expected, filled = self.lane.patience, self.expected, self.answers.filled
        self.enough = patience if expected is None else max(1, min(expected - filled, patience))

    def _take_in_order(self, batch: list[wire.ItemAnswer]) -> bool:
        """Take in scores that follow each other and are like those before, as nearly all are; return whether it did."""
        answers, scorer, calibrated, count = self.answers, self.scorer, self.calibrated, self.count
        kind, source, first_at, last_at = self.kind, self.source, self.first_at, self.last_at
        index = self.base + len(answers.row)
        rows = []
        for answer in batch:
            if (
                type(answer) is not wire.ItemScored
                or answer.index != index
                or answer.scorer != scorer
                or answer.calibrated is not calibrated
                or answer.count != count
                or answer.source != source
                or answer.kind != kind
            ):
                return False
            index += 1
            at = answer.appended_at
            if at > last_at:
                last_at = at
            elif at < first_at:
                first_at = at
            rows.append((answer.score, answer.index, answer))
        if answers.far is not None:
            return False
        self.first_at, self.last_at = first_at, last_at
        answers.extend([row[0] for row in rows])
        rows.sort()
        if rows[0][0] <= self.worst_limit:
            worst = [Worst(score, place, one.item_id, one.reasons) for score, place, one in rows[:WORST_ITEMS]]
            self._set_worst(sorted([*self.worst, *worst]) if self.worst else worst)
        return True

    def _take(self, answer: wire.ItemAnswer) -> None:
        if type(answer) is wire.ItemScored:
            value = answer.score
            if answer.scorer != self.scorer:
                self._note_scorer(answer.scorer)
            if answer.calibrated is not self.calibrated:
                self._note_calibration(answer)
        else:
            value = FAILED if type(answer) is wire.ItemFailed else SKIPPED
        self._insert(answer, answer.index - self.base, value)
        self._note(answer)

    def _note(self, record: wire.ItemAnswer | wire.ParentEnded) -> None:
        self.last_at = max(self.last_at, record.appended_at)
        self.first_at = min(self.first_at, record.appended_at)
        if record.kind != self.kind or record.source != self.source:
            self.origin_conflict = True
        if record.count is not None and record.count != self.count:
            self._learn_count(record.count)

    def end(self, marker: wire.ParentEnded) -> None:
        """Take the producer's word that nothing more will come."""
        self.take_in()
        self._note(marker)

    def holds(self, answer: wire.ItemAnswer) -> bool:
        """Whether an answer would change nothing, since its index has one that is as good."""
        self.take_in()
        old = self.answers.get(answer.index - self.base)
        new = answer.score if type(answer) is wire.ItemScored else _rank(answer)
        return old != ABSENT and not replaces(new, old)

    def _insert(self, answer: wire.ItemAnswer, place: int, value: float) -> None:
        """Take an answer that is not the next one in order."""
        old = self.answers.get(place)
        if old == ABSENT:
            self.answers.put(place, value)
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
        if type(answer) is wire.ItemScored:
            if value <= self.worst_limit:
                self._note_worst(Worst(value, answer.index, answer.item_id, answer.reasons))
        elif type(answer) is wire.ItemFailed:
            self.failed += 1
            if answer.cause not in self.causes:
                self.causes = tuple(sorted((*self.causes, answer.cause))[:_MOST_CAUSES])
        else:
            self.skipped += 1

    def _note_worst(self, entry: Worst) -> None:
        """Keep the worst items. A score only ever falls, so one that was passed over comes back by itself."""
        same = [one for one in self.worst if one.index == entry.index]
        others = [one for one in self.worst if one.index != entry.index]
        self._set_worst(sorted([*others, min([entry, *same])]))

    def _set_worst(self, ordered: list[Worst]) -> None:
        self.worst = ordered[:WORST_ITEMS]
        if len(ordered) >= WORST_ITEMS:
            self.worst_limit = self.worst[-1].score

    def _note_scorer(self, scorer: str) -> None:
        if not self.scorer:
            self.scorer = self.lane.shared(scorer)
        elif self.scorers is None:
            self.scorers = {self.scorer, scorer}
        else:
            self.scorers.add(scorer)

    def _note_calibration(self, item: wire.ItemScored) -> None:
        """Learn from an item whose head is not as all before: an index with any uncalibrated answer is uncalibrated."""
        if self.uncalibrated is not None:
            if not item.calibrated:
                self.uncalibrated.add(item.index)
        elif self.calibrated is None:
            self.calibrated = item.calibrated
        else:
            scored = () if self.calibrated else (place for place, value in self.answers.items() if value >= 0.0)
            self.uncalibrated = {place + self.base for place in scored}
            self.calibrated = None
            self._note_calibration(item)

    def _learn_count(self, count: int) -> None:
        self.count_conflict = self.count_conflict or self.count is not None
        self.count = count if self.count is None else max(self.count, count)
        if self.size is not None:
            self.expected = min(self.size, max(0, self.count - self.base))
        elif self.whole:
            self.expected = self.count

    @property
    def scored(self) -> int:
        """How many items have a score."""
        return self.answers.filled - self.failed - self.skipped

    @property
    def late(self) -> int:
        """How many items have been answered since the window was decided first."""
        return 0 if self.decided is None else self.answers.filled - self.decided.on_time

    @property
    def missing(self) -> int:
        """How many items are known to be without an answer; without a count, the gaps between the indices seen."""
        answers = self.answers
        if self.expected is not None:
            return max(0, self.expected - answers.filled)
        if not answers.filled:
            return 0
        return answers.highest() + 1 - (0 if self.whole else answers.lowest()) - answers.filled

    @property
    def index_beyond_count(self) -> bool:
        """Whether an item's index does not fit the parent's count."""
        return self.count is not None and self.base + self.answers.highest() >= self.count


def _rank(answer: wire.ItemFailed | wire.ItemSkipped) -> float:
    return FAILED if type(answer) is wire.ItemFailed else SKIPPED
