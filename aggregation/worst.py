"""The items with the lowest scores of a window, by which a decision says what was wrong."""

from __future__ import annotations

import msgspec

WORST_ITEMS = 3


class Worst(msgspec.Struct, order=True, frozen=True, gc=False):
    """One of the items with the lowest scores. The order of the fields is that in which they are ranked."""

    score: float
    index: int
    item_id: str
    reasons: tuple[str, ...]


def insert(worst: list[Worst], item: Worst) -> None:
    """Put an item, whose index is new, in its place among the worst, where it belongs to them."""
    place = len(worst)
    while place and item < worst[place - 1]:
        place -= 1
    worst.insert(place, item)
    if len(worst) > WORST_ITEMS:
        worst.pop()


def note(worst: list[Worst], item: Worst) -> None:
    """Do the same for an item whose index may be among them already; of both the lower one stays.

    An index's score only ever falls, so one that was passed over comes back by itself.
    """
    for place, one in enumerate(worst):
        if one.index == item.index:
            if one <= item:
                return
            del worst[place]
            break
    insert(worst, item)
