"""The windows of one partition: those that are open, those that a late item may open again, those that were decided."""

from __future__ import annotations

from heapq import heappop, heappush

from aggregation.known import DecidedWindows, Known
from aggregation.lane import Due, Lane
from aggregation.spans import Span, reopened
from aggregation.verdict import Tally
from aggregation.window import Window
from schemas import wire

NEVER = 2**63
WINDOW_BYTES, ANSWER_BYTES = 1_600, 10  # about; measured by `make bench-memory`


class Windows:
    """Finds the window of a record, and knows which is the oldest and which is due."""

    def __init__(self, remember_ms: int, tally: Tally) -> None:
        """Have none."""
        self.open: dict[str, Window] = {}  # by key: the parent's id for whole parents
        self.decided = DecidedWindows(remember_ms)
        self._kept: dict[str, Window] = {}  # decided, and open to a revision
        self._kept_until: list[tuple[int, int, Window]] = []
        self._spans: dict[str, dict[str, Window]] = {}  # open, of parents that are cut into several windows
        self._lanes: dict[int, Lane] = {}
        self._tally = tally
        self.deadline = NEVER  # no window is due before it; an early one costs a look
        self.truncated_below = 0
        self.counted_to = 0
        self.answers = 0  # taken by the windows that are held

    def spans_of_parent(self, parent_id: str) -> list[Window]:
        """Return the open windows of a parent that is cut into several."""
        return list(self._spans.get(parent_id, {}).values())

    def spent(self, key: str, record: wire.ItemAnswer | wire.ParentEnded, offset: int) -> bool:
        """Whether a record has had its part in a decision, and so is read again. A kept window takes it once more."""
        kept = self._kept.get(key)
        known = kept.decided if kept is not None else self.decided.find(key)
        if known is None or offset > known.through_offset:
            return False
        if kept is not None:
            self._take_again(kept, record)
        return True

    def find(
        self, key: str, lane: Lane, span: Span, record: wire.ItemAnswer | wire.ParentEnded, offset: int, *, time: int
    ) -> Window | None:
        """Return the open window for a record that no open window was found for, or None where it changes nothing.

        Args:
            key: of the window.
            lane: of the rule that is in force for its kind and source.
            span: which window of its parent it is in.
            record: the record.
            offset: of the record on `scores`.
            time: stream time before the record, in ms.
        """
        kept = self._kept.get(key)
        known = kept.decided if kept is not None else self.decided.find(key)
        if known is None:
            return self._add(Window(record, span, lane, offset, time), offset)
        if offset <= known.through_offset:
            if kept is None and lane.terms.revises and not known.final and offset == known.first_offset:
                kept = self._keep(self._restored(Window(record, span, lane, offset, time), known))
            if kept is not None:
                self._take_again(kept, record)
            return None
        return self._late(kept, known, record, offset, time)

    def _late(
        self, kept: Window | None, known: Known, record: wire.ItemAnswer | wire.ParentEnded, offset: int, time: int
    ) -> Window | None:
        if type(record) is wire.ParentEnded:  # an end after the last item is no news, and not late
            return None
        now = max(time, record.appended_at)
        if kept is None or kept.holds(record) or now >= known.closed_at + kept.lane.terms.late_ms:
            if offset >= self.counted_to:
                self._tally.after_final += known.final
                self._tally.late += not known.final
            return None
        del self._kept[kept.key]
        kept.opened_at = kept.active_at = now
        self._now_open(kept)
        self.deadline = min(self.deadline, kept.lane.await_items(kept))
        return kept

    def _add(self, window: Window, offset: int) -> Window:
        window.truncated = offset < self.truncated_below
        if self.decided.was_decided(window.key):
            window.id = reopened(window.id, offset)
            window.reopened = True
            self._tally.reopened += offset >= self.counted_to
        self._now_open(window)
        self._lanes[id(window.lane)] = window.lane
        self.deadline = min(self.deadline, window.lane.open(window))
        return window

    def _restored(self, window: Window, known: Known) -> Window:
        """Make a window of a decision that is read again: its scores follow, and a late item may open it."""
        window.decided = known
        self._lanes[id(window.lane)] = window.lane
        window.lane.open(window)
        window.lane.close(window)
        return window

    def _now_open(self, window: Window) -> None:
        window.waits = True
        self.open[window.key] = window
        if not window.whole:
            self._spans.setdefault(window.parent_id, {})[window.key] = window

    def _keep(self, window: Window) -> Window:
        known = window.decided
        if known is not None:
            self._kept[window.key] = window
            until = known.closed_at + window.lane.terms.late_ms
            heappush(self._kept_until, (until, known.through_offset * 2**20 + len(self._kept_until), window))
        return window

    def close(self, window: Window, known: Known) -> None:
        """Note the decision of an open window."""
        del self.open[window.key]
        if not window.whole:
            siblings = self._spans[window.parent_id]
            del siblings[window.key]
            if not siblings:
                del self._spans[window.parent_id]
        window.decided = known
        terms = window.lane.terms
        self.decided.learn(window.key, known, terms.late_ms)
        window.lane.close(window)
        if terms.revises and not known.final:
            self._keep(window)
        else:
            self._leave(window)

    @property
    def weight(self) -> int:
        """What the windows take, about, in bytes."""
        return (len(self.open) + len(self._kept)) * WINDOW_BYTES + self.answers * ANSWER_BYTES

    def take_due(self, time: int) -> list[Due]:
        """Return the windows that are due at a stream time (ms), in the order in which the caller closes them all."""
        found = [due for lane in self._lanes.values() for due in lane.take_due(time)]
        found.sort(key=_order)
        deadline = self.next_deadline()
        self.deadline = NEVER if deadline is None else deadline
        return found

    def next_deadline(self) -> int | None:
        """Return the stream time (ms) at which the next window is due, or None where none is open."""
        deadlines = [deadline for lane in self._lanes.values() if (deadline := lane.next_deadline()) is not None]
        return min(deadlines, default=None)

    def oldest(self) -> Window | None:
        """Return the window with the lowest first offset, of those that are open or kept."""
        fronts = [window for lane in self._lanes.values() if (window := lane.oldest()) is not None]
        return min(fronts, key=lambda window: window.first_offset, default=None)

    def expire(self, stream_time: int) -> None:
        """Let go of the windows whose late time is over."""
        heap = self._kept_until
        while heap and heap[0][0] <= stream_time:
            window = heappop(heap)[2]
            known = window.decided
            if known is not None and known.closed_at + window.lane.terms.late_ms <= stream_time:
                self.release(window)

    def release(self, window: Window) -> None:
        """Let go of a kept window, whether or not its late time is over."""
        if self._kept.get(window.key) is window:
            del self._kept[window.key]
            self._leave(window)

    def _leave(self, window: Window) -> None:
        self.answers -= window.answers.filled + window.duplicates
        window.lane.leave(window)

    def _take_again(self, window: Window, record: wire.ItemAnswer | wire.ParentEnded) -> None:
        if type(record) is wire.ParentEnded:
            window.end(record)
        else:
            self.answers += 1
            window.add(record)


def _order(due: Due) -> tuple[int, int, str]:
    return due.deadline, due.first_offset, due.window.key
