"""Fusion: from an embedding and cheap metrics to the features of a head.

Concatenating both would let hundreds of embedding numbers swamp a dozen strong metrics. Each becomes a block of its own
scale instead: the embedding is standardised and projected onto its principal components, and the block as a whole is
weighted; each metric becomes two features, how far and on which side it lies of what is usual in clean material, and
how far on either side, since much of it is bad at both ends (dark and glaring, blurred and noisy).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_CLIP = 10.0  # standard deviations: what is stranger is not read as stranger


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What fusion needs, with d embedding numbers, k components and m metrics.

    `mean` (d,), `projection` (d, k) with the standardisation and the block's weight in it; `centre`, `scale`, `low` and
    `high` (m,): median and spread of clean material, and the ends of its usual range, for the reasons.
    """

    mean: Array
    projection: Array
    centre: Array
    scale: Array
    low: Array
    high: Array

    @property
    def width(self) -> int:
        """Features that come out: k + 2 m."""
        return int(self.projection.shape[1] + 2 * self.centre.shape[0])

    def fuse(self, embeddings: NDArray[np.float32], metrics: Array) -> Array:
        """Return the features, float64 (n, width), of embeddings (n, d) and metrics (n, m)."""
        projected = np.clip((embeddings.astype(np.float64) - self.mean) @ self.projection, -_CLIP, _CLIP)
        distances = (np.asarray(metrics, dtype=np.float64) - self.centre) / self.scale
        sizes = np.log1p(np.abs(distances))
        return np.concatenate([projected, np.sign(distances) * sizes, sizes], axis=1)

    def rounded(self) -> Features:
        """Return them as they are stored: float32, and float16 for the large projection."""
        names = ("mean", "centre", "scale", "low", "high")
        own = {name: np.asarray(getattr(self, name)).astype(np.float32).astype(np.float64) for name in names}
        return Features(projection=self.projection.astype(np.float16).astype(np.float64), **own)

    def excess(self, metrics: Array) -> Array:
        """Return how far metrics (m,) lie below (negative) or above their usual range, in clean spreads."""
        below = np.minimum(metrics - self.low, 0.0)
        above = np.maximum(metrics - self.high, 0.0)
        return np.asarray((below + above) / self.scale)
