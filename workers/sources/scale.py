"""One scale for all slices of a volume: from intensities to the values of 16-bit PNGs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.items import RawItem
from workers.sources.encode import png
from workers.sources.parent import ItemMaker

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.5
VOXELS = 600_000_000  # 2.4 GB as float32: a header can announce more than there is memory

_WHITE = 65535
_TISSUE = 0.1  # of the window: brighter than this is not air
_LEAST_TISSUE = 0.01  # share of a slice: with less, there is nothing to judge


@dataclass(frozen=True, slots=True)
class Scale:
    """How intensities become a PNG's values: (intensity - offset) * factor. What is NaN becomes 0, the darkest."""

    offset: float
    factor: float
    window: tuple[float, float] | None  # in the PNG's values; None for a volume without contrast

    @classmethod
    def of(cls, volume: NDArray[np.float32]) -> Scale:
        """Return the scale of a volume of any shape; what is NaN does not count.

        Whole numbers within 65,536 levels are kept as they are, but for an offset; others are scaled to 16 bits. The
        window is the volume's 1st and 99.5th percentile.
        """
        finite = volume[np.isfinite(volume)]
        if not finite.size:
            return cls(0.0, 0.0, None)
        low, high = float(finite.min()), float(finite.max())
        if high <= low:
            return cls(low, 0.0, None)
        whole = high - low <= _WHITE and bool((finite == np.rint(finite)).all())
        factor = 1.0 if whole else _WHITE / (high - low)
        dark, light = (float(value) for value in np.percentile(finite, (LOW_PERCENTILE, HIGH_PERCENTILE)))
        if light <= dark:  # nearly all of it is one value
            dark, light = low, high
        return cls(low, factor, ((dark - low) * factor, (light - low) * factor))

    def item(self, make: ItemMaker, index: int, plane: NDArray[np.float32], read_as: tuple[str, ...] = ()) -> RawItem:
        """Return a slice (rows, columns) as the item at `index`, marked empty where it holds no tissue."""
        values = self._applied(plane)
        return make.item(index, png(values), window=self.window, empty=self._is_empty(values), read_as=read_as)

    def _applied(self, plane: NDArray[np.float32]) -> NDArray[np.uint16]:
        scaled = (plane.astype(np.float64) - self.offset) * self.factor
        return np.rint(np.nan_to_num(scaled, nan=0.0, posinf=_WHITE, neginf=0.0)).astype(np.uint16)

    def _is_empty(self, values: NDArray[np.uint16]) -> bool:
        if self.window is None:
            return True
        dark, light = self.window
        return float((values > dark + _TISSUE * (light - dark)).mean()) < _LEAST_TISSUE
