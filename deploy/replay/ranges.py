"""What the id of a window says of the items in it: all of a parent, a range of indices, or a span of time."""

from __future__ import annotations

from aggregation.spans import REOPENED, WHOLE


def _range(window: str) -> tuple[str, int, int] | None:
    """Return what a window counts in, its first place and the one after its last; None of a whole parent."""
    by, _, text = window.partition(REOPENED)[0].partition("/")
    first, _, last = text.partition("-")
    if by == WHOLE or not (first.isdecimal() and last.isdecimal()):
        return None
    return by, int(first), int(last) + (by == "index")


def overlap(one: str, other: str) -> bool:
    """Return whether two windows of one parent may hold the same items; of an index and a time that is not known."""
    a, b = _range(one), _range(other)
    if a is None or b is None or a[0] != b[0]:
        return True
    return a[1] < b[2] and b[1] < a[2]


def holds(window: str, index: int, time: int) -> bool:
    """Return whether an item of the parent is in a window.

    Args:
        window: its id.
        index: of the item.
        time: of the item, in ms.
    """
    found = _range(window)
    if found is None:
        return True
    place = index if found[0] == "index" else time
    return found[1] <= place < found[2]
