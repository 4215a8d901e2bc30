"""The gate of one partition of `scores`: a state that is a function of the partition's records alone.

It is thrown away with the ownership of its partition and built again from the topics: `recall` the decisions that were
made, then `apply` the scores from the committed offset on. Reading the same records again leads to the same windows,
because stream time is the broker's append time of the items and is restored as it was at the offset where the re-read
starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from aggregation.decision import Closing, DecisionWriter
from aggregation.lane import Lane
from aggregation.window import Window
from schemas import wire
from schemas.checkpoint import Checkpoint
from schemas.decisions import Cause
from schemas.policy import Policy


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """A decision that is ready to be sent."""

    key: bytes
    action: str  # plain: the hash of an enum's member costs a call
    cause: Cause
    value: bytes
    first_offset: int
    time_before: int


@dataclass(slots=True)
class Tally:
    """What was counted since the gate was made; a re-read counts nothing twice."""

    late: int = 0
    unreadable: int = 0


class Unreadable(NamedTuple):
    """A record that is not one of ours."""

    offset: int
    detail: str


class _Decided(msgspec.Struct, frozen=True):
    parent_id: str
    through_offset: int


_decided = msgspec.json.Decoder(_Decided)
_NEVER = 2**63


class PartitionGate:
    """Groups the scores of one partition by parent and decides each parent once."""

    def __init__(self, partition: int, policy: Policy, resume: Checkpoint | None = None) -> None:
        """Make the gate of a partition.

        Args:
            partition: its number, for the record.
            policy: decides what applies to a parent, by kind and source.
            resume: what the last owner committed; None where the partition has never been read.
        """
        self._partition = partition
        self._policy = policy
        self._writer = DecisionWriter(policy)
        self._lanes = {id(rule): Lane(rule) for rule in policy.rules}
        self._lane_of: dict[tuple[str, str], Lane] = {}  # by kind and source
        self._open: dict[str, Window] = {}
        self._decided: dict[str, int] = {}  # parent -> through_offset
        self._ready: list[Verdict] = []
        self._now = 0
        self.position = resume.low_watermark if resume else 0
        self.stream_time = resume.stream_time if resume else 0
        self._counted_to = resume.position if resume else 0
        self._truncated_below = resume.truncated_below if resume else 0
        self._deadline = _NEVER  # no window is due before it; an early one costs a look
        self.tally = Tally()

    def recall(self, decision: bytes) -> bool:
        """Learn of a decision that was made: its window is not decided again.

        Returns:
            Whether the record is a decision. Another one says nothing of any window.
        """
        try:
            known = _decided.decode(decision)
        except wire.UNREADABLE:
            return False
        self._decided[known.parent_id] = max(known.through_offset, self._decided.get(known.parent_id, -1))
        return True

    def apply(self, records: Iterable[tuple[int, bytes | None]], now: int) -> list[Unreadable]:
        """Take records of `scores`, in their order.

        Args:
            records: offset and JSON of each; one below the position has been applied before and is passed over.
            now: the wall clock in ms since 1970, for the record of a decision; it closes nothing.

        Returns:
            Those that cannot be read and were not reported before.
        """
        self._now = now
        unreadable: list[Unreadable] = []
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
            if type(record) is wire.PolicyActivated:
                continue
            at = record.appended_at
            time = at if at > self.stream_time else self.stream_time  # noqa: FURB136 - max() costs three times as much
            window = self._open.get(record.parent_id) or self._new_window(record, offset)
            if window is not None:
                if window.active_at != time:  # windows of the same time may stand in any order
                    window.lane.touch(window, time)
                cause = window.end(record) if type(record) is wire.ParentEnded else window.add(record)
                if cause is not None:
                    self._close(window, cause)
            self.stream_time = time
            if time >= self._deadline:
                self._close_due(time)
        self.tally.unreadable += len(unreadable)
        return unreadable

    def _new_window(self, record: wire.ItemAnswer | wire.ParentEnded, offset: int) -> Window | None:
        """Return a window for a parent that has none open, or None where it has been decided."""
        through = self._decided.get(record.parent_id)
        if through is None:
            return self._open_window(record, offset)
        answer = type(record) is not wire.ParentEnded  # an end after the last item is no news, and not late
        self.tally.late += answer and offset > through and offset >= self._counted_to
        return None

    def _open_window(self, first: wire.ItemAnswer | wire.ParentEnded, offset: int) -> Window:
        scope = (first.kind, first.source)
        lane = self._lane_of.get(scope)
        if lane is None:
            lane = self._lane_of[scope] = self._lanes[id(self._policy.rule_for(*scope))]
        window = Window(first, offset, lane, self.stream_time)
        window.truncated = offset < self._truncated_below
        self._open[window.parent_id] = window
        lane.open(window)
        deadline = window.opened_at + min(lane.rule.idle_ms, lane.rule.max_age_ms)
        self._deadline = min(self._deadline, deadline)
        return window

    def _close(self, window: Window, cause: Cause) -> None:
        through = self.position - 1
        cause = "truncated" if window.truncated else cause
        action, value = self._writer.write(window, Closing(cause, through, self._partition, self._now))
        self._ready.append(
            Verdict(window.parent_id.encode(), str(action), cause, value, window.first_offset, window.time_before)
        )
        window.lane.close(window)
        del self._open[window.parent_id]
        self._decided[window.parent_id] = through

    def _close_due(self, time: int) -> None:
        for lane in self._lanes.values():
            for window, cause in lane.due(time):
                self._close(window, cause)
        due = self.next_deadline()
        self._deadline = _NEVER if due is None else due

    def next_deadline(self) -> int | None:
        """Return the stream time (ms) at which the next window is due, or None where none is open."""
        deadlines = [deadline for lane in self._lanes.values() if (deadline := lane.next_deadline()) is not None]
        return min(deadlines, default=None)

    def close_due(self, time: int, now: int) -> None:
        """Close what is due at a stream time (ms) that the partition itself has not reached.

        Only for a caller with evidence that nothing for this partition is on its way.
        """
        self._now = now
        self._close_due(time)

    def take(self, limit: int) -> list[Verdict]:
        """Hand over the oldest decisions that wait, `limit` at most."""
        taken, self._ready = self._ready[:limit], self._ready[limit:]
        return taken

    @property
    def ready(self) -> int:
        """How many decisions wait to be taken."""
        return len(self._ready)

    @property
    def open_windows(self) -> int:
        """How many windows are open."""
        return len(self._open)

    def checkpoint(self) -> Checkpoint:
        """Return where a successor has to begin, once the decisions taken so far are committed with it.

        A decision that still waits counts as open: its scores must be read again if it is never sent.
        """
        pending: list[Window | Verdict] = [w for lane in self._lanes.values() if (w := lane.oldest()) is not None]
        pending += self._ready
        if not pending:
            return Checkpoint(self.position, self.position, self.stream_time, self._truncated_below)
        first = min(pending, key=lambda one: one.first_offset)
        return Checkpoint(first.first_offset, self.position, first.time_before, self._truncated_below)
