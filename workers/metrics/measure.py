from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal

from workers.media import Chunk, Medium, Picture, Slice
from workers.metrics.chunks import CHUNK_METRICS, measure_chunk
from workers.metrics.pictures import PICTURE_METRICS, measure_picture
from workers.metrics.slices import SLICE_METRICS, measure_slice

Family = Literal["picture", "slice", "chunk"]

METRICS_VERSION: Final = "1"
"""Raised whenever a metric's value changes: heads trained on another version are refused."""

METRIC_NAMES: Final[Mapping[Family, tuple[str, ...]]] = {
    "picture": PICTURE_METRICS,
    "slice": SLICE_METRICS,
    "chunk": CHUNK_METRICS,
}


def family(medium: Medium) -> Family:
    """Return which family of metrics a medium has."""
    match medium:
        case Picture():
            return "picture"
        case Slice():
            return "slice"
        case Chunk():
            return "chunk"


def measure(medium: Medium) -> dict[str, float]:
    """Return the medium's metrics by name, in the order of `METRIC_NAMES`, all of them finite."""
    match medium:
        case Picture():
            values = measure_picture(medium)
        case Slice():
            values = measure_slice(medium)
        case Chunk():
            values = measure_chunk(medium)
    for name, value in values.items():
        if not math.isfinite(value):  # a fault of ours, and better said here than as a strange score
            raise ArithmeticError(f"the metric {name} is {value}")
    return values
