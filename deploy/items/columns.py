"""The columns of a file: always the same ones in the same order, then a column for each metric, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from deploy.items.record import Decided, Item, band, entropy, margin

METRIC: Final = "metric_"
"""Before the name of a metric, so that none can be taken for another column."""

Get = Callable[[Item, Decided | None], Any]

TIME: Final = pa.timestamp("ms", tz="UTC")
_TEXTS: Final = pa.list_(pa.string())


FIXED: Final[Mapping[str, tuple[pa.DataType, Get]]] = MappingProxyType(
    {
        "parent_id": (pa.string(), lambda item, _: item.parent_id),
        "index": (pa.int64(), lambda item, _: item.index),
        "count": (pa.int64(), lambda item, _: item.count),
        "kind": (pa.string(), lambda item, _: item.kind),
        "source": (pa.string(), lambda item, _: item.source),
        "item_id": (pa.string(), lambda item, _: item.item_id),
        "score": (pa.float64(), lambda item, _: item.score),
        "model_entropy": (pa.float64(), lambda item, _: entropy(item.score)),
        "model_margin": (pa.float64(), lambda item, _: margin(item.score)),
        "model_band": (pa.string(), lambda item, _: band(item.score)),
        "reasons": (_TEXTS, lambda item, _: list(item.reasons)),
        "flags": (_TEXTS, lambda item, _: list(item.flags)),
        "scorer": (pa.string(), lambda item, _: item.scorer),
        "calibrated": (pa.bool_(), lambda item, _: item.calibrated),
        "cached": (pa.bool_(), lambda item, _: item.cached),
        "action": (pa.string(), lambda _, one: one.action if one else None),
        "label": (pa.string(), lambda _, one: one.label if one else None),
        "parent_score": (pa.float64(), lambda _, one: one.score if one else None),
        "appended_at": (TIME, lambda item, _: item.appended_at),
        "item_time": (TIME, lambda item, _: item.item_time),
        "content_hash": (pa.string(), lambda item, _: item.content_hash),
        "embedding": (pa.string(), lambda item, _: item.embedding),
        "items_partition": (pa.int32(), lambda item, _: item.item_partition),
        "items_offset": (pa.int64(), lambda item, _: item.item_offset),
        "scores_partition": (pa.int32(), lambda item, _: item.partition),
        "scores_offset": (pa.int64(), lambda item, _: item.offset),
    }
)


def columns(metrics: tuple[str, ...]) -> dict[str, tuple[pa.DataType, Get]]:
    """Return all columns by name: the type of each, and where its value comes from."""
    return {**FIXED, **{METRIC + name: (pa.float64(), _metric(name)) for name in metrics}}


def schema(metrics: tuple[str, ...]) -> pa.Schema:
    """Return the schema of a Parquet file."""
    return pa.schema([pa.field(name, kind) for name, (kind, _) in columns(metrics).items()])


def _metric(name: str) -> Get:
    return lambda item, _: item.metrics.get(name)
