"""The names that an expression, an order and a column may use: an item's fields, and whatever metrics items have.

No metric is named here: a name that is no field is a metric, and which there are is known once items have been read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, Literal

from deploy.errors import ConfigurationError
from deploy.items.record import Decided, Item, band, entropy, margin

Sort = Literal["number", "text", "texts", "truth"]
Value = float | int | str | bool | tuple[str, ...] | None
Getter = Callable[[Item, Decided | None], Value]

_METRIC: Final = "metrics."
_NEAR, _ALIKE = 3, 0.6  # names that are suggested, and how alike they must be


@dataclass(frozen=True, slots=True)
class Field:
    """A named value of an item, of one sort; None where an item lacks it."""

    sort: Sort
    get: Getter


def _own(name: str, sort: Sort) -> Field:
    def get(item: Item, _: Decided | None) -> Value:
        value: Value = getattr(item, name)
        return value

    return Field(sort, get)


def _of_score(sort: Sort, worked_out: Callable[[float], Value]) -> Field:
    def get(item: Item, _: Decided | None) -> Value:
        score: float | None = item.score  # a parent that is listed as an item may have none
        return None if score is None else worked_out(score)

    return Field(sort, get)


FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "score": _own("score", "number"),
        "parent": _own("parent_id", "text"),
        "index": _own("index", "number"),
        "count": _own("count", "number"),
        "kind": _own("kind", "text"),
        "source": _own("source", "text"),
        "item": _own("item_id", "text"),
        "reasons": _own("reasons", "texts"),
        "flags": _own("flags", "texts"),
        "scorer": _own("scorer", "text"),
        "calibrated": _own("calibrated", "truth"),
        "cached": _own("cached", "truth"),
        "appended_at": _own("appended_at", "number"),
        "item_time": _own("item_time", "number"),
        # of the latest decision of its parent
        "action": Field("text", lambda _, one: one.action if one else None),
        "label": Field("text", lambda _, one: one.label if one else None),
        "parent_score": Field("number", lambda _, one: one.score if one else None),
        # of the score
        "model_entropy": _of_score("number", entropy),
        "model_margin": _of_score("number", margin),
        "model_band": _of_score("text", band),
    }
)


def metric(name: str) -> Field:
    """Return the field of a metric."""
    return Field("number", lambda item, _: item.metrics.get(name))


def field(name: str) -> Field:
    """Return the field of a name: that of an item, or else a metric. `metrics.NAME` is always the metric."""
    return FIELDS[name] if name in FIELDS else metric(name.removeprefix(_METRIC))


def metric_of(name: str) -> str | None:
    """Return which metric a name means, or None where it means a field."""
    return None if name in FIELDS else name.removeprefix(_METRIC)


def canonical(name: str) -> str:
    """Return a name without what it can do without: `metrics.sharpness` is sharpness, `metrics.score` stays."""
    bare = name.removeprefix(_METRIC)
    return name if bare in FIELDS else bare


def numeric(name: str, option: str) -> Field:
    """Return the field of a name that has an order.

    Raises:
        ConfigurationError: the name is a field that is no number.
    """
    found = field(name)
    if found.sort != "number":
        raise ConfigurationError(f"{option} {name}: {name} is no number; a metric, or {_numbers()} can be used")
    return found


def meant(name: str, known: Collection[str]) -> str:
    """Return which names may have been meant, as a sentence; empty where none is near."""
    folded = {one.casefold(): one for one in sorted({*known, *FIELDS})}
    close = [folded[one] for one in get_close_matches(name.casefold(), list(folded), _NEAR, _ALIKE)]
    return f" Did you mean {' or '.join(close)}?" if close else ""


def unknown(name: str, known: Collection[str]) -> str:
    """Return that no item has a metric of this name, and what there is instead."""
    there = f" Metrics here: {', '.join(sorted(known)) or 'none'}. Fields: {', '.join(FIELDS)}."
    return f"no item has a metric {name!r}.{meant(name, known) or there}"


def _numbers() -> str:
    return ", ".join(name for name, one in FIELDS.items() if one.sort == "number")
