"""The open windows of one rule, in the orders in which they can be closed by time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from aggregation.window import Window
from schemas.decisions import Cause
from schemas.policy import Rule


class Lane:
    """Open windows that share a rule, and so an idle time and a maximum age.

    Stream time never goes back, so the order of the last activity is the order of the idle deadlines, and the order of
    opening is the order of the age deadlines: the next one due is always at the front, and nothing needs sorting.
    """

    def __init__(self, rule: Rule) -> None:
        """Make a lane without windows."""
        self.rule = rule
        self._by_opening: OrderedDict[str, Window] = OrderedDict()
        self._by_activity: OrderedDict[str, Window] = OrderedDict()

    def open(self, window: Window) -> None:
        """Add a window that has just been opened."""
        self._by_opening[window.parent_id] = window
        self._by_activity[window.parent_id] = window

    def touch(self, window: Window, stream_time: int) -> None:
        """Note that a window had an item at this stream time (ms)."""
        window.active_at = stream_time
        self._by_activity.move_to_end(window.parent_id)

    def close(self, window: Window) -> None:
        """Remove a window."""
        del self._by_opening[window.parent_id]
        del self._by_activity[window.parent_id]

    def oldest(self) -> Window | None:
        """Return the window that was opened first."""
        return next(iter(self._by_opening.values()), None)

    def next_deadline(self) -> int | None:
        """Return the stream time (ms) at which the first window is due, if none has an item before."""
        oldest = self.oldest()
        if oldest is None:
            return None
        quietest = next(iter(self._by_activity.values()))
        return min(oldest.opened_at + self.rule.max_age_ms, quietest.active_at + self.rule.idle_ms)

    def due(self, stream_time: int) -> Iterator[tuple[Window, Cause]]:
        """Yield the windows that are due at a stream time (ms), each with its cause. The caller closes each at once."""
        while (window := next(iter(self._by_activity.values()), None)) is not None:
            if window.active_at + self.rule.idle_ms > stream_time:
                break
            yield window, "idle"
        while (window := self.oldest()) is not None and window.opened_at + self.rule.max_age_ms <= stream_time:
            yield window, "max_age"
