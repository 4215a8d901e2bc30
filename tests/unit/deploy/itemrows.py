"""Scored items for tests, as they would come from the topic, and selections of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from deploy.items.query import Query
from deploy.items.reading import decode
from deploy.items.record import UNDECIDED, Decisions, Item
from deploy.items.selection import Selection, Selector
from deploy.items.spool import Spool
from schemas.scores import ItemScored

DAY = 1_700_000_000_000  # 2023-11-14T22:13:20Z


def record(number: int, score: float = 0.5, **other: Any) -> bytes:
    """Return a record as a worker writes it; the item is the so-many-th on `items`."""
    fields: dict[str, Any] = {
        "parent_id": "p",
        "kind": "image",
        "source": "s",
        "appended_at": DAY + number,
        "item_id": f"p/{number}",
        "index": number,
        "item_partition": 0,
        "item_offset": number,
        "scorer": "ab" * 32,
        "embedding": "e",
    }
    return ItemScored(score=score, **{**fields, **other}).to_json()


def item(number: int, score: float = 0.5, **other: Any) -> Item:
    """Return the same as it is read, at the so-many-th place of `scores`."""
    at = other.pop("at", number)
    found = decode(record(number, score, **other), 0, at)
    assert isinstance(found, Item)
    return found


@contextmanager
def selected(
    items: Iterable[Item], query: Query | None = None, decisions: Decisions = UNDECIDED
) -> Iterator[Selection]:
    """Give what a query selects."""
    with Spool() as spool:
        selector = Selector(query or Query(), spool, decisions)
        for one in items:
            selector.take(one)
        yield selector.selection()


def indices(selection: Selection) -> list[int]:
    """Return the indices of a selection's rows in order."""
    return [one.index for one, _ in selection.rows()]
