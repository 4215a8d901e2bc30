"""The items with the lowest scores of a window, by which a decision says what was wrong."""

from __future__ import annotations

WORST_ITEMS = 3

Worst = tuple[float, int, str, tuple[str, ...]]
"""Score, index, item id and reasons of an item; in this order they are ranked. A tuple is made and ranked quickest."""


def ranked(items: list[Worst]) -> list[Worst]:
    """Return the worst of some items with different indices, the lowest score first."""
    return sorted(items)[:WORST_ITEMS]


def note(worst: list[Worst], item: Worst) -> list[Worst]:
    """Return the worst of these items and one more whose index may be among them; of both the lower one stays.

    An index's score only ever falls, so one that was passed over comes back by itself.
    """
    index = item[1]
    same = [one for one in worst if one[1] == index]
    return ranked([*(one for one in worst if one[1] != index), min([item, *same])])
