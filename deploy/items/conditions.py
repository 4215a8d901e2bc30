"""What an expression becomes: functions of an item and of its parent's decision. What is missing compares as false."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from deploy.items.fields import Getter, Value
from deploy.items.record import Decided, Item

Condition = Callable[[Item, Decided | None], bool]


def constant(value: Value) -> Getter:
    """Return what gives the same value for every item."""
    return lambda _item, _decided: value


def every(conditions: Sequence[Condition]) -> Condition:
    """Return what holds where all of them do."""
    if len(conditions) == 1:
        return conditions[0]
    return lambda item, decided: all(holds(item, decided) for holds in conditions)


def either(conditions: Sequence[Condition]) -> Condition:
    """Return what holds where any of them does."""
    return lambda item, decided: any(holds(item, decided) for holds in conditions)


def negated(condition: Condition) -> Condition:
    """Return what holds where the other one does not."""
    return lambda item, decided: not condition(item, decided)


def true(get: Getter) -> Condition:
    """Return what holds where a value is true."""
    return lambda item, decided: bool(get(item, decided))


def missing(get: Getter) -> Condition:
    """Return what holds where an item has no such value."""
    return lambda item, decided: get(item, decided) is None


def compared(order: Callable[[Any, Any], bool], left: Getter, right: Getter) -> Condition:
    """Return what holds where two values are in this order."""

    def holds(item: Item, decided: Decided | None) -> bool:
        one, other = left(item, decided), right(item, decided)
        return one is not None and other is not None and order(one, other)

    return holds


def among(get: Getter, others: Sequence[Getter], *, wanted: bool) -> Condition:
    """Return what holds where a value is, or is not, one of several."""

    def holds(item: Item, decided: Decided | None) -> bool:
        value = get(item, decided)
        return value is not None and any(value == other(item, decided) for other in others) is wanted

    return holds


def within(get: Getter, whole: Getter, *, wanted: bool) -> Condition:
    """Return what holds where a text is, or is not, in a list of texts."""

    def holds(item: Item, decided: Decided | None) -> bool:
        value, texts = get(item, decided), whole(item, decided)
        return value is not None and isinstance(texts, tuple) and (value in texts) is wanted

    return holds
