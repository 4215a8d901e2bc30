"""A window filled once more from the records on `scores`: to explain a decision, or to make it again."""

from __future__ import annotations

from collections.abc import Iterable

from aggregation.lane import Lane
from aggregation.spans import REOPENED, WHOLE, WHOLE_PARENT, Span, spans_of
from aggregation.terms import Terms
from aggregation.window import Window
from schemas import wire
from schemas.policy import Rule

Answered = wire.ItemAnswer | wire.ParentEnded


def refill(records: Iterable[tuple[int, Answered]], rule: Rule, window_id: str = WHOLE) -> Window | None:
    """Return a window as the decider had it when it closed it.

    Args:
        records: of one parent: offset and record, from the window's first to its last, in their order.
        rule: the one that the window is decided under.
        window_id: as in the decision.

    Returns:
        None where no record is in the window.
    """
    terms = Terms(rule)
    window: Window | None = None
    for offset, record in records:
        span = _span(record, terms, window_id)
        if span is None or (window is None and span is not WHOLE_PARENT and isinstance(record, wire.ParentEnded)):
            continue
        if window is None:
            window = Window(record, span, Lane("", terms), offset, 0)
            window.id = window_id
            window.reopened = REOPENED in window_id
        if isinstance(record, wire.ParentEnded):
            window.end(record)
        else:
            window.add(record)
    return window


def _span(record: Answered, terms: Terms, window_id: str) -> Span | None:
    """Return the window of that id if the record is in it. The end of a parent is in all of its windows."""
    name = window_id.partition(REOPENED)[0]
    if name == WHOLE:
        return WHOLE_PARENT
    if isinstance(record, wire.ParentEnded):
        return Span(name)
    return next((span for span in spans_of(record, terms.window) if span.id == name), None)
