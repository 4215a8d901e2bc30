from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from workers.media import Chunk, Picture, Slice

PictureDamage = Callable[[Picture, int, np.random.Generator], Picture]
SliceDamage = Callable[[Slice, int, np.random.Generator], Slice]
ChunkDamage = Callable[[Chunk, int, np.random.Generator], Chunk]

_Value = TypeVar("_Value")


def at(severity: int, steps: tuple[_Value, _Value, _Value, _Value, _Value]) -> _Value:
    """Return the step for a severity of 1 (just visible) to 5 (useless).

    Raises:
        ValueError: For any other severity.
    """
    if not 1 <= severity <= len(steps):
        raise ValueError(f"severity is 1 to {len(steps)}, not {severity}")
    return steps[severity - 1]
