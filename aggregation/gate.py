"""The gate of one partition of `scores`: a state that is a function of the partition's records alone.

It is thrown away with the ownership of its partition and built again from the topics: `recall` the decisions that were
made, then `apply` the scores from the committed offset on. Reading the same records again leads to the same windows,
because stream time is the broker's append time of the items and is restored as it was at the offset where the re-read
starts, and so is the policy that was in force there.
"""

from __future__ import annotations

from collections.abc import Iterable

from aggregation.closings import Closings
from aggregation.editions import Editions, FindPolicy
from aggregation.lane import Lane
from aggregation.ruling import Ruling, foresee
from aggregation.spans import WHOLE_PARENT, Span, key_of, spans_of
from aggregation.verdict import Tally, Unreadable, Verdict
from aggregation.window import Window
from aggregation.windows import Windows
from schemas import wire
from schemas.checkpoint import Checkpoint
from schemas.decisions import Cause
from schemas.policy import Policy

REMEMBER_MS = 86_400_000

LOOK_EVERY = 100  # answers of a parent, in hundredths: each of the first 100, then one in 100 of those there are


class PartitionGate:
    """Groups the scores of one partition into windows and decides each window once."""

    def __init__(
        self,
        partition: int,
        policy: Policy,
        resume: Checkpoint | None = None,
        *,
        find_policy: FindPolicy = lambda *_: None,
        remember_ms: int = REMEMBER_MS,
        most_bytes: int | None = None,
    ) -> None:
        """Make the gate of a partition.

        Args:
            partition: its number, for the record.
            policy: decides what applies to a parent, by kind and source, until another one is activated.
            resume: what the last owner committed; None where the partition has never been read.
            find_policy: finds the policy that a marker in the partition activates.
            remember_ms: for how long after its late time a decision is recognised, in stream time.
            most_bytes: what its windows may take, about; above it the oldest are closed. None: no bound.

        Raises:
            UnknownPolicyError: the policy that was in force where `resume` begins is not to be found.
        """
        resume = resume or Checkpoint(0, 0, 0)
        self._editions = Editions(policy, find_policy, resume.policy)
        self._most_bytes = most_bytes
        self.tally = Tally()
        self.position = resume.low_watermark
        self.stream_time = resume.stream_time
        self._windows = Windows(remember_ms, self.tally)
        self._windows.counted_to = self._counted_to = resume.position
        self._windows.truncated_below = self._truncated_below = resume.truncated_below
        self._closings = Closings(partition, self._windows, self._editions)

    def recall(self, decision: bytes) -> bool:
        """Learn of a decision that was made: its window is not decided again.

        Returns:
            Whether the record is a decision. Another one says nothing of any window.

        Raises:
            UnreadableDecisionError: it is one, and not as this version knows them: its window would be decided twice.
        """
        return self._windows.decided.recall(decision)

    def apply(  # noqa: C901 - one loop that every score comes along; a call costs as much as a step of it
        self, records: Iterable[tuple[int, bytes | None]], now: int
    ) -> list[Unreadable]:
        """Take records of `scores`, in their order.

        Args:
            records: offset and JSON of each; one below the position has been applied before and is passed over.
            now: the wall clock in ms since 1970, for the record of a decision; it closes nothing.

        Returns:
            Those that cannot be read and were not reported before.
        """
        self._closings.now = now
        unreadable: list[Unreadable] = []
        windows = self._windows
        opened = windows.open
        for offset, value in records:
            if offset < self.position:
                continue
            self.position = offset + 1
            try:
                record = wire.decode(value)
            except wire.UNREADABLE as error:
                if offset >= self._counted_to:
                    unreadable.append(Unreadable(offset, str(error)))
                continue
            if type(record) is not wire.ItemScored:  # scores come along here by the million, all else is rare
                unreadable += self._apply_other(record, offset)
                continue
            at = record.appended_at
            time = at if at > self.stream_time else self.stream_time  # noqa: FURB136 - max() costs three times as much
            window = opened.get(record.parent_id)
            if window is None:
                self._route(record, offset, time)
            else:
                window.active_at = time
                if window.add(record):
                    self._close(window, "complete", time)
                elif window.look_at is not None:
                    self._look(window, time)
            self.stream_time = time
            if time >= windows.deadline:
                self._close_due(time)
        if self._most_bytes is not None:
            self._shed(self._most_bytes)
        self.tally.unreadable += len(unreadable)
        return unreadable

    def _apply_other(self, record: wire.ScoreRecord, offset: int) -> list[Unreadable]:
        """Take a record that is not a score."""
        if type(record) is wire.PolicyActivated:
            return self._switch(record, offset)
        time = max(record.appended_at, self.stream_time)
        window = self._windows.open.get(record.parent_id)
        if window is None:
            self._route(record, offset, time)
        else:
            if type(record) is wire.ParentEnded:
                self._end_parts(record, time)
            self._take(window, record, time)
        self.stream_time = time
        if time >= self._windows.deadline:
            self._close_due(time)
        return []

    def _take(self, window: Window, record: wire.ItemAnswer | wire.ParentEnded, time: int) -> None:
        if type(record) is wire.ParentEnded:
            window.active_at = time
            window.end(record)
            self._close(window, "end", time)
        else:
            self._add(window, record, time)

    def _add(self, window: Window, answer: wire.ItemAnswer, time: int) -> None:
        window.active_at = time
        if window.add(answer):
            self._close(window, "complete", time)
        elif window.look_at is not None:
            self._look(window, time)

    def _look(self, window: Window, time: int) -> None:
        """Close a window whose action no remaining item can change, where enough has come since the last look."""
        filled = window.answers.filled
        if window.look_at is None or filled < window.look_at:
            return
        ruling = foresee(window) if window.expected is not None else None
        if ruling is not None:
            self._close(window, "early", time, ruling)
        else:
            window.look_at = filled + max(1, filled // LOOK_EVERY)

    def _route(self, record: wire.ItemAnswer | wire.ParentEnded, offset: int, time: int) -> None:
        """Take a record whose parent has no open window that holds all of it."""
        if type(record) is wire.ParentEnded:
            self._end_parts(record, time)
        lane = self._editions.lane_of(record.kind, record.source, record.parent_id)
        if lane.terms.whole or self._windows.claims(record.parent_id, offset, time):
            window = self._windows.find(record.parent_id, lane, WHOLE_PARENT, record, offset, time=self.stream_time)
            if window is not None:
                self._take(window, record, time)
        elif type(record) is not wire.ParentEnded:
            for span in spans_of(record, lane.terms.window):
                self._offer(lane, span, record, offset, time)

    def _end_parts(self, record: wire.ParentEnded, time: int) -> None:
        """Let the end of a parent close its windows that hold a part of it; those that were decided learn its count."""
        for window in self._windows.parts_of(record.parent_id):
            if window.waits:
                self._take(window, record, time)
            else:
                self._windows.end_again(window, record, self.position - 1, time)

    def _offer(self, lane: Lane, span: Span, answer: wire.ItemAnswer, offset: int, time: int) -> None:
        """Take an answer into one of the windows that its parent is cut into."""
        key = key_of(answer.parent_id, span.id)
        window = self._windows.open.get(key)
        if window is None:
            window = self._windows.find(key, lane, span, answer, offset, time=self.stream_time)
        if window is not None:
            self._add(window, answer, time)

    def _switch(self, marker: wire.PolicyActivated, offset: int) -> list[Unreadable]:
        """Put another policy version in force, or return the marker where there is none."""
        if not self._editions.switch(marker, offset) and offset >= self._counted_to:
            return [Unreadable(offset, f"policy {marker.name}@{marker.version} is not to be found")]
        return []

    def _close(self, window: Window, cause: Cause, time: int, ruling: Ruling | None = None) -> None:
        self._closings.close(window, cause, self.position - 1, time, ruling)

    def _close_due(self, time: int) -> None:
        for due in self._windows.take_due(time):
            self._close(due.window, due.cause, time)

    def next_deadline(self) -> int | None:
        """Return the stream time (ms) at which the next window is due, or None where none is open."""
        return self._windows.next_deadline()

    def close_due(self, time: int, now: int) -> None:
        """Close what is due at a stream time (ms) that the partition itself has not reached.

        Only for a caller with evidence that nothing for this partition is on its way.
        """
        self._closings.now = now
        self._close_due(time)

    def take(self, limit: int) -> list[Verdict]:
        """Hand over the oldest decisions that wait, `limit` at most."""
        return self._closings.take(limit)

    @property
    def ready(self) -> int:
        """How many decisions wait to be taken."""
        return len(self._closings.ready)

    @property
    def open_windows(self) -> int:
        """How many windows are open."""
        return len(self._windows.open)

    @property
    def policy(self) -> str:
        """Name@version of the policy that windows are opened under now; empty for the decider's own."""
        return self._editions.name

    def checkpoint(self) -> Checkpoint:
        """Return where a successor has to begin, once the decisions taken so far are committed with it.

        A decision that still waits counts as open: its scores must be read again if it is never sent.
        """
        self._windows.expire(self.stream_time)
        oldest = self._windows.oldest()
        waiting = self._closings.oldest()
        if oldest is not None and (waiting is None or oldest.first_offset < waiting.first_offset):
            first, time, edition = oldest.first_offset, oldest.time_before, oldest.lane.edition
        elif waiting is not None:
            first, time, edition = waiting.first_offset, waiting.time_before, waiting.edition
        else:
            first, time, edition = self.position, self.stream_time, self._editions.name
        self._windows.decided.forget(self.stream_time, first)
        self._editions.forget(first)
        return Checkpoint(first, self.position, time, self._truncated_below, edition)

    def _shed(self, most_bytes: int) -> None:
        """Close the oldest windows until the others fit."""
        while (window := self._windows.to_shed(most_bytes)) is not None:
            if window.waits:
                self.tally.shed += 1
                self._close(window, "memory", self.stream_time)
            else:
                self._windows.release(window)
