"""A window filled once more from the records on `scores`: to explain a decision, or to make it again."""

from __future__ import annotations

from collections.abc import Callable

from aggregation.known import Known
from aggregation.lane import Lane
from aggregation.spans import REOPENED, WHOLE, WHOLE_PARENT, Span, spans_of
from aggregation.terms import Terms
from aggregation.window import Window
from schemas import wire
from schemas.decisions import Cause
from schemas.policy import Policy, Rule
from schemas.windows import WindowRule

Answered = wire.ItemAnswer | wire.ParentEnded

FindPolicy = Callable[[str, int, str], Policy | None]
"""Returns a published policy by name, version and digest (empty: whichever), or None where there is none."""


class UnknownVersionError(LookupError):
    """A policy version that was activated while the window was open is not to be found."""


class Refill:
    """One window of a parent, which takes records as a decider does.

    Attributes:
        window: None until a record was in it.
        closed_by: what the last record closed it by; None while it is open.
        stream_time: the largest append time so far, in ms. The partition's own may have been ahead of it.
        recut: whether a policy has been in force since the window was opened that cuts the parent in another way.
    """

    def __init__(
        self, rule: Rule, window_id: str = WHOLE, *, reference: bytes = b"null", before: Known | None = None
    ) -> None:
        """Begin before the window's first record.

        Args:
            rule: the one that the window is decided under.
            window_id: as in the decision.
            reference: what the decision says of its policy: a `PolicyRef` as JSON.
            before: the decision of the window that a revision replaces.
        """
        self._lane = Lane("", Terms(rule, reference))
        self._id = window_id
        self._name = window_id.partition(REOPENED)[0]
        self._before = before
        self._policy: Policy | None = None  # in force by now; None: what the window is decided under
        self.window: Window | None = None
        self.closed_by: Cause | None = None
        self.stream_time = 0
        self.recut = False

    def activate(self, marker: wire.PolicyActivated, find_policy: FindPolicy) -> None:
        """Take the word that another policy version is in force.

        Raises:
            UnknownVersionError: it is needed, since it may cut the parent in another way, and is not to be found.
        """
        if self._name == WHOLE:  # a window of the whole parent goes on under any policy
            return
        self._policy = find_policy(marker.name, marker.version, marker.digest)
        if self._policy is None:
            raise UnknownVersionError(f"policy {marker.name}@{marker.version}")
        if self.window is not None:
            self.recut |= self._cut(self.window.kind, self.window.source) != self._lane.terms.window

    def concerns(self, record: Answered) -> bool:
        """Whether a record is in the window, or is the end of its parent, under the policy that is in force."""
        return self._span(record) is not None

    def take(self, offset: int, record: Answered) -> bool:
        """Take a record of the parent; return whether it is in the window."""
        self.stream_time = max(self.stream_time, record.appended_at)
        span = self._span(record)
        if span is None:
            return False
        if self.window is None:
            if span is not WHOLE_PARENT and isinstance(record, wire.ParentEnded):
                return False  # it opens no window of a part
            self.window = self._opened(record, span, offset)
        window = self.window
        if not window.waits and self._reopens(window, record, offset):
            window.waits = True
            window.opened_at = self.stream_time
        if window.waits:
            window.active_at = self.stream_time
        self._add(window, record)
        return True

    def _opened(self, record: Answered, span: Span, offset: int) -> Window:
        window = Window(record, span, self._lane, offset, self.stream_time)
        window.id = self._id
        window.reopened = REOPENED in self._id
        window.decided = self._before
        window.waits = self._before is None
        begun_anew = isinstance(record, wire.ItemWithdrawn) and self._before is not None
        window.renewed = self._before is not None and (self._before.renewed or begun_anew)
        return window

    def _add(self, window: Window, record: Answered) -> None:
        if isinstance(record, wire.ParentEnded):
            window.end(record)
            cause: Cause | None = "end"
        else:
            cause = "complete" if window.add(record) else None
        self.closed_by = cause if window.waits else None

    def _reopens(self, window: Window, record: Answered, offset: int) -> bool:
        """Whether a late item, or the withdrawal of one, opens the window for a revision."""
        known = self._before
        if known is None or offset <= known.through_offset or isinstance(record, wire.ParentEnded):
            return False
        if isinstance(record, wire.ItemWithdrawn) and window.first_offset == offset:
            return True  # what was answered before is not kept: the window has begun anew
        return self.stream_time < known.revised_until and not window.holds(record)

    def _span(self, record: Answered) -> Span | None:
        """Return the window if the record is in it. The end of a parent is in all of its windows."""
        if self._name == WHOLE:
            return WHOLE_PARENT
        if isinstance(record, wire.ParentEnded):
            return Span(self._name)
        spans = spans_of(record, self._cut(record.kind, record.source))
        return next((span for span in spans if span.id == self._name), None)

    def _cut(self, kind: str, source: str) -> WindowRule:
        """Return how the policy in force cuts parents of a kind and source."""
        return self._lane.terms.window if self._policy is None else self._policy.rule_for(kind, source).window
