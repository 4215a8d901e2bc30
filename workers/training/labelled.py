"""Labelled items of one kind as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.training.evaluation import Split

Array = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """n items: `embeddings` float32 (n, d), `metrics` (n, m), `labels` (n,) in [0,1], groups, and the binary cut."""

    embeddings: NDArray[np.float32]
    metrics: Array
    labels: Array
    groups: tuple[str, ...]
    cut: float

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which labels are at least the cut, (n,)."""
        return self.labels >= self.cut

    def take(self, places: Places) -> Labelled:
        """Return the items at these places, in their order."""
        groups = tuple(self.groups[place] for place in places.tolist())
        return Labelled(self.embeddings[places], self.metrics[places], self.labels[places], groups, self.cut)


def places_of(splits: Sequence[Split], *wanted: Split) -> Places:
    """Return the places, rising, of the items whose split is one of those wanted."""
    return np.flatnonzero([split in wanted for split in splits])
