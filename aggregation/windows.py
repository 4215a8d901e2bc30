"""The windows of one partition: those that are open, those that a late item may open again, those that were decided."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

from aggregation.known import DecidedWindows, Known, known_for
from aggregation.lane import Due, Lane
from aggregation.spans import Key, Span, reopened
from aggregation.verdict import Tally
from aggregation.window import Window
from schemas import wire

NEVER = 2**63
WINDOW_BYTES, CELL_BYTES, KNOWN_BYTES = 1_850, 10, 560  # about; measured by `make bench-memory`


class Windows:
    """Finds the window of a record, and knows which is the oldest and which is due."""

    def __init__(self, remember_ms: int, tally: Tally) -> None:
        """Have none."""
        self.open: dict[Key, Window] = {}
        self.decided = DecidedWindows(remember_ms)
        self._kept: dict[Key, Window] = {}  # decided, and open to a revision
        self._kept_until: list[tuple[int, int, Window]] = []
        self._keepings = count()
        self._parts: dict[str, dict[Key, Window]] = {}  # open or kept, of parents that are cut into several windows
        self._lanes: dict[int, Lane] = {}
        self._tally = tally
        self.deadline = NEVER  # no window is due before it; an early one costs a look
        self.truncated_below = 0
        self.counted_to = 0

    def __del__(self) -> None:
        """Let go of the windows: each knows its lane, a circle that the collector would look for much later."""
        for lane in self._lanes.values():
            lane.clear()

    def parts_of(self, parent_id: str) -> list[Window]:
        """Return the windows of a parent that is cut into several: those that are open, and those that are kept."""
        parts = self._parts.get(parent_id)
        return [] if parts is None else sorted(parts.values(), key=lambda part: (part.first_offset, part.id))

    def end_again(self, kept: Window, record: wire.ParentEnded, offset: int, time: int) -> None:
        """Note the end of the parent of a kept window. It opens nothing, but a revision knows of it."""
        known = kept.decided
        if known is not None and (offset <= known.through_offset or time < known.revised_until):
            kept.end(record)

    def claims(self, parent_id: str, offset: int, now: int) -> bool:
        """Whether a record belongs to the decided window of its whole parent, although its rule now cuts parents.

        It does if it has had its part in that decision and is read again, or while a revision of it may still come:
        so whoever reads it again after the revision finds the same.
        """
        kept = self._kept.get(parent_id)
        known = kept.decided if kept is not None else self.decided.find(parent_id)
        if known is None or offset < known.first_offset:
            return known is not None and known.spent[0] <= offset <= known.spent[1]
        return offset <= known.through_offset or now < known.revised_until

    def find(
        self, key: Key, lane: Lane, span: Span, record: wire.ItemAnswer | wire.ParentEnded, offset: int, *, time: int
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
            if type(record) is wire.ParentEnded and self.decided.was_decided(key):
                return None  # late, and no news: it has no item that would be decided
            return self._add(Window(record, span, lane, offset, time), offset)
        if offset <= known.through_offset:
            if kept is None and known.revised_until and offset == known.first_offset:
                kept = self._keep(self._restored(Window(record, span, lane, offset, time), known))
            if kept is not None:
                self._take_again(kept, record)
            return None
        if type(record) is wire.ItemWithdrawn and (kept is None or self._over(known, record, time)):
            return self._decide_again(Window(record, span, lane, offset, time), known)
        return self._late(kept, known, record, offset, time)

    def _late(
        self, kept: Window | None, known: Known, record: wire.ItemAnswer | wire.ParentEnded, offset: int, time: int
    ) -> Window | None:
        now = max(time, record.appended_at)
        if self._over(known, record, time):
            kept = None
        if type(record) is not wire.ParentEnded:  # an end after the last item is no news, and not late
            if kept is not None and not kept.holds(record):
                return self._open_again(kept, now)
            if offset >= self.counted_to:
                self._tally.after_final += known.final
                self._tally.late += not known.final
        if kept is not None:  # as whoever reads it again after a revision does
            self._take_again(kept, record)
        return None

    def _open_again(self, kept: Window, now: int) -> Window:
        """Let a late item open a kept window for a revision."""
        del self._kept[kept.key]
        kept.opened_at = kept.active_at = now
        if kept.look_at is not None:
            kept.look_at = 1
        self._now_open(kept)
        self.deadline = min(self.deadline, kept.lane.await_items(kept))
        return kept

    @staticmethod
    def _over(known: Known, record: wire.ItemAnswer | wire.ParentEnded, time: int) -> bool:
        """Whether the late time of a decision is over."""
        return max(time, record.appended_at) >= known.revised_until

    def _decide_again(self, window: Window, known: Known) -> Window:
        """Let the withdrawal of an answer open a window whose answers are not kept: it has none, until they come."""
        if (over := self._kept.get(window.key)) is not None:
            self.release(over)
        window.truncated = known.truncated
        if known.reopened:  # a decision by an id of its own, which is not known here
            self._mark_reopened(window)
        else:
            window.decided = known
            self._renew(window, renewed=True)
        return self._opened(window)

    @staticmethod
    def _renew(window: Window, *, renewed: bool) -> None:
        """Note whether a window was begun anew. It is not decided early then: its other answers are not known."""
        window.renewed = renewed
        if renewed:
            window.look_at = None

    def _add(self, window: Window, offset: int) -> Window:
        window.truncated = offset < self.truncated_below
        if self.decided.was_decided(window.key):
            self._mark_reopened(window)
        return self._opened(window)

    def _mark_reopened(self, window: Window) -> None:
        window.id = reopened(window.id, window.first_offset)
        window.reopened = True
        self._tally.reopened += window.first_offset >= self.counted_to

    def _opened(self, window: Window) -> Window:
        lane = window.lane
        self._now_open(window)
        self._lanes[id(lane)] = lane
        self.deadline = min(self.deadline, lane.open(window))
        return window

    def _restored(self, window: Window, known: Known) -> Window:
        """Make a window of a decision that is read again: its scores follow, and a late item may open it."""
        window.decided = known
        window.truncated = known.truncated
        self._renew(window, renewed=known.renewed)
        if known.reopened:
            window.id = reopened(window.id, window.first_offset)
            window.reopened = True
        self._lanes[id(window.lane)] = window.lane
        window.lane.open(window)
        window.lane.close(window)
        return window

    def _now_open(self, window: Window) -> None:
        window.waits = True
        self.open[window.key] = window
        if not window.whole:
            self._join(window)

    def _join(self, part: Window) -> None:
        self._parts.setdefault(part.parent_id, {})[part.key] = part

    def _part(self, part: Window) -> None:
        parts = self._parts[part.parent_id]
        del parts[part.key]
        if not parts:
            del self._parts[part.parent_id]

    def _keep(self, window: Window) -> Window:
        known = window.decided
        if known is not None:
            self._kept[window.key] = window
            if not window.whole:
                self._join(window)
            heappush(self._kept_until, (known.revised_until, next(self._keepings), window))
        return window

    def close(self, window: Window, known: Known) -> None:
        """Note the decision of an open window."""
        del self.open[window.key]
        window.decided = known
        terms = window.lane.terms
        kept_ms = known_for(terms.late_ms, terms.max_age_ms, final=True) if known.final else terms.late_ms
        self.decided.learn(window.key, known, kept_ms)
        window.lane.close(window)
        if known.revised_until:
            self._keep(window)
        else:
            self._leave(window)

    @property
    def weight(self) -> int:
        """What the windows take, about, in bytes."""
        cells = sum(lane.cells for lane in self._lanes.values())
        return (len(self.open) + len(self._kept)) * WINDOW_BYTES + cells * CELL_BYTES

    def to_shed(self, most_bytes: int) -> Window | None:
        """Return the window that has to go for all to take no more than this, the oldest; None where they fit.

        Decisions that are remembered take up to half of it. Beyond that they go, and so do windows that hold them.
        """
        remembered = min(len(self.decided) * KNOWN_BYTES, most_bytes // 2)
        self.decided.most = most_bytes // 2 // KNOWN_BYTES
        window = self.oldest()
        if window is None:
            return None
        heavy = self.weight + remembered > most_bytes
        return window if heavy or self.decided.held_by(window.first_offset) else None

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
            if known is not None and known.revised_until <= stream_time:
                self.release(window)

    def release(self, window: Window) -> None:
        """Let go of a kept window, whether or not its late time is over."""
        if self._kept.get(window.key) is window:
            del self._kept[window.key]
            self._leave(window)

    def _leave(self, window: Window) -> None:
        if not window.whole:
            self._part(window)
        window.lane.leave(window)

    def _take_again(self, window: Window, record: wire.ItemAnswer | wire.ParentEnded) -> None:
        if type(record) is wire.ParentEnded:
            window.end(record)
        else:
            window.add(record)


def _order(due: Due) -> tuple[int, int, str]:
    return due.deadline, due.first_offset, due.window.id
