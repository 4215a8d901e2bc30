"""The open window of one parent: what has been answered so far, in a form that no order and no duplicate can change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import wire
from schemas.decisions import Cause

if TYPE_CHECKING:
    from aggregation.lane import Lane


class Window:
    """The items of one parent that have been answered, one answer an index."""

    __slots__ = (
        "active_at",
        "answers",
        "count_conflict",
        "duplicates",
        "expected",
        "first_at",
        "first_offset",
        "kind",
        "lane",
        "last_at",
        "opened_at",
        "origin_conflict",
        "parent_id",
        "rule",
        "source",
        "time_before",
        "truncated",
    )

    def __init__(self, first: wire.ItemAnswer | wire.ParentEnded, offset: int, lane: Lane, time_before: int) -> None:
        """Open a window.

        Args:
            first: the first record of the parent on `scores`; it is not yet added.
            offset: its offset there.
            lane: of the rule of the policy for its kind and source.
            time_before: stream time before this record, in ms; where a re-read from here must start.
        """
        self.parent_id = first.parent_id
        self.kind = first.kind
        self.source = first.source
        self.lane = lane
        self.rule = lane.rule
        self.first_offset = offset
        self.time_before = time_before
        self.opened_at = self.active_at = max(time_before, first.appended_at)
        self.first_at = self.last_at = first.appended_at
        self.expected: int | None = None
        self.answers: dict[int, wire.ItemAnswer] = {}
        self.duplicates = 0
        self.count_conflict = False
        self.origin_conflict = False
        self.truncated = False  # retention may have deleted records of it before they were read

    def add(self, answer: wire.ItemAnswer) -> Cause | None:
        """Take one item's answer. A further answer for an index is counted, and the better of both stays.

        Returns:
            `complete` where every expected item has been answered.
        """
        answers, index = self.answers, answer.index
        if index in answers:
            self.duplicates += 1
            if _rank(answer) < _rank(answers[index]):
                answers[index] = answer
        else:
            answers[index] = answer
        at = answer.appended_at  # as in `_note`, without the call: every score comes along here
        if at > self.last_at:
            self.last_at = at
        elif at < self.first_at:
            self.first_at = at
        if answer.kind != self.kind or answer.source != self.source:
            self.origin_conflict = True
        expected = self.expected
        if answer.count != expected and answer.count is not None:
            expected = self._expect(answer.count)
        return "complete" if expected is not None and len(answers) >= expected else None

    def end(self, marker: wire.ParentEnded) -> Cause:
        """Take the producer's word that nothing more will come."""
        self._note(marker)
        if marker.count is not None and marker.count != self.expected:
            self._expect(marker.count)
        return "end"

    def _note(self, record: wire.ItemAnswer | wire.ParentEnded) -> None:
        at = record.appended_at
        if at > self.last_at:
            self.last_at = at
        elif at < self.first_at:
            self.first_at = at
        if record.kind != self.kind or record.source != self.source:
            self.origin_conflict = True

    def _expect(self, count: int) -> int:
        self.count_conflict = self.count_conflict or self.expected is not None
        self.expected = count if self.expected is None else max(self.expected, count)
        return self.expected

    @property
    def missing(self) -> int:
        """How many items are known to be without an answer; without a count, the gaps below the highest index."""
        known = self.expected if self.expected is not None else max(self.answers, default=-1) + 1
        return max(0, known - len(self.answers))

    @property
    def index_beyond_count(self) -> bool:
        """Whether an item's index does not fit the parent's count."""
        return self.expected is not None and max(self.answers, default=-1) >= self.expected


def _rank(answer: wire.ItemAnswer) -> tuple[int, float, str]:
    """Order the answers for one index, best first: scored before failed before skipped, then the lower score.

    A total order makes the outcome the same whichever answer came first; the lower score is the careful one.
    """
    if isinstance(answer, wire.ItemScored):
        return (0, answer.score, answer.item_id)
    return (1 if isinstance(answer, wire.ItemFailed) else 2, 0.0, f"{answer.cause}\n{answer.item_id}")
