"""From a window that is over to the decision that is ready to be sent."""

from __future__ import annotations

from collections.abc import Sequence

from aggregation.decision import Closing, retraction, write
from aggregation.editions import Editions
from aggregation.known import FINAL, Known
from aggregation.ruling import Ruling, rule_on, weigh
from aggregation.verdict import Verdict, Withdrawal
from aggregation.window import Window
from aggregation.windows import Windows
from schemas.decisions import Cause


class Closings:
    """Closes the windows of one partition, and keeps their decisions until they are taken."""

    def __init__(self, partition: int, windows: Windows, editions: Editions) -> None:
        """Have none. `partition` is its number, for the record."""
        self.now = 0  # wall clock, ms since 1970, for the record
        self.ready: list[Verdict] = []
        self._partition = partition
        self._windows = windows
        self._editions = editions

    def close(self, window: Window, cause: Cause, through: int, time: int, ruling: Ruling | None = None) -> None:
        """Decide a window.

        Args:
            window: is open.
            cause: what closes it.
            through: the last offset that was read.
            time: stream time, ms.
            ruling: of an early decision; else it is made here.
        """
        before = window.decided
        final = cause in FINAL
        evidence = weigh(window, closed=ruling is None)
        if ruling is None:
            ruling = rule_on(window, evidence, self._obstacles(window, cause))
        if window.truncated or window.reopened:
            cause = "truncated" if window.truncated else "reopened"
        withdrawal = None
        if before is not None and before.action != ruling.action:
            withdrawal = Withdrawal(before.action, retraction(window, ruling.action))
        lane, first = window.lane, window.first_offset
        self.ready.append(
            Verdict(
                window.parent_id.encode(),
                ruling.action,
                cause,
                write(window, evidence, ruling, Closing(cause, through, self._partition, time, self.now)),
                first,
                window.time_before,
                lane.edition,
                withdrawal,
            )
        )
        terms = lane.terms
        self._windows.close(
            window,
            Known(
                first,
                through,
                0 if before is None else before.revision + 1,
                ruling.action,
                final,
                time,
                window.answers.filled if before is None else min(window.answers.filled, before.on_time),
                window.reopened,
                window.truncated,
                time + terms.late_ms if terms.revises and not final else 0,
            ),
        )

    def take(self, limit: int) -> list[Verdict]:
        """Hand over the oldest decisions that wait, `limit` at most."""
        taken, self.ready = self.ready[:limit], self.ready[limit:]
        return taken

    def oldest(self) -> Verdict | None:
        """Return the waiting decision whose window began first."""
        return min(self.ready, key=_first_offset, default=None)

    def _obstacles(self, window: Window, cause: Cause) -> Sequence[str]:
        """Return what stands against a decision by score alone, beside what the items say."""
        cut_otherwise = not window.whole and self._editions.were_cut_otherwise(window)
        if cause == "memory":
            return ["memory", "policy_changed"] if cut_otherwise else ["memory"]
        return ["policy_changed"] if cut_otherwise else ()


def _first_offset(verdict: Verdict) -> int:
    return verdict.first_offset
