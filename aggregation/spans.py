"""Which windows an item is in: a function of the item alone, so that no order and no re-read can move it."""

from __future__ import annotations

from typing import NamedTuple

from schemas import wire
from schemas.windows import IndexRanges, TimeSpans, Whole

WHOLE = "whole"
REOPENED = "@"  # before the offset in the id of a window that was opened again


class Span(NamedTuple):
    """One window of a parent: its id, the index it begins with and how many it has, where indices say."""

    id: str
    first_index: int = 0
    size: int | None = None


WHOLE_PARENT = Span(WHOLE)


def spans_of(item: wire.ItemAnswer, window: Whole | TimeSpans | IndexRanges) -> list[Span]:
    """Return the windows that an item is in: one, or several where spans of time overlap."""
    if isinstance(window, IndexRanges):
        first = item.index - item.index % window.size
        return [Span(f"index/{first}-{first + window.size - 1}", first, window.size)]
    if isinstance(window, TimeSpans):
        time = item.appended_at if item.item_time is None else item.item_time
        return [Span(f"time/{start}-{start + window.length_ms}", item.index) for start in _starts(time, window)]
    return [WHOLE_PARENT]


def _starts(time: int, window: TimeSpans) -> range:
    """Return the starts of the spans [start, start + length) that hold a time, the earliest first."""
    hop = window.hop
    last = time - time % hop
    first = time - window.length_ms + hop - (time - window.length_ms) % hop
    return range(first, last + 1, hop)


def reopened(window_id: str, offset: int) -> str:
    """Return the id of a window that is opened again at an offset after its decision has been forgotten."""
    return f"{window_id}{REOPENED}{offset}"


Key = str | tuple[str, str]
"""What a window is remembered by: its parent's id for the whole parent, and otherwise parent and window."""


def key_of(parent_id: str, window_id: str) -> Key:
    """Return a window's key; one that was opened again has the key of the first."""
    name = window_id.partition(REOPENED)[0]
    return parent_id if name == WHOLE else (parent_id, name)
