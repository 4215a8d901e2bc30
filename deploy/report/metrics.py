"""How the cheap metrics of each kind are spread over its items: whichever ones the scores name, plug-ins among them."""

from __future__ import annotations

import math
import random
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

BINS: Final = 20
MOST_VALUES: Final = 20_000  # of a metric of a kind; of more, a uniform sample stands for all
_FAILED: Final = "metric_failed_"
_QUANTILES: Final = (0.05, 0.5, 0.95)


class _Measured(msgspec.Struct):
    kind: str
    metrics: dict[str, float]
    reasons: tuple[str, ...] = ()


_decoder = msgspec.json.Decoder(_Measured)


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of one metric over the items of a kind.

    Attributes:
        name: of the metric.
        items: how many have a value.
        failed: how many have none since the metric failed.
        low: the quantile of 5%.
        median: the middle.
        high: the quantile of 95%.
        bins: counts in bins of equal width from the least to the greatest value.
    """

    name: str
    items: int
    failed: int
    low: float
    median: float
    high: float
    bins: tuple[int, ...]

    @property
    def bars(self) -> list[tuple[float, float]]:
        """Each bar's left edge and height, as shares of the drawing."""
        most = max(self.bins, default=0) or 1
        return [(number / BINS, count / most) for number, count in enumerate(self.bins)]


class Metrics:
    """Collects the metrics of scores."""

    def __init__(self) -> None:
        """Begin with none."""
        self._values: defaultdict[tuple[str, str], array[float]] = defaultdict(lambda: array("d"))
        self._seen: Counter[tuple[str, str]] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()
        self._chance = random.Random(0)  # noqa: S311 (which items are shown is no secret)

    def add(self, value: bytes | None) -> None:
        """Take a record of `scores`; what is no score, or another's record, has no metrics."""
        try:
            found = _decoder.decode(value or b"")
        except msgspec.DecodeError:
            return
        for name, one in found.metrics.items():
            if math.isfinite(one):
                self._take((found.kind, name), one)
        for reason in found.reasons:
            if reason.startswith(_FAILED):
                self._failed[found.kind, reason.removeprefix(_FAILED)] += 1

    def _take(self, key: tuple[str, str], value: float) -> None:
        """Keep a uniform sample (Vitter 1985, algorithm R)."""
        self._seen[key] += 1
        kept = self._values[key]
        if len(kept) < MOST_VALUES:
            kept.append(value)
        elif (place := self._chance.randrange(self._seen[key])) < MOST_VALUES:
            kept[place] = value

    def by_kind(self) -> dict[str, list[Spread]]:
        """Return the spread of each metric, in the order of their names."""
        found: defaultdict[str, list[Spread]] = defaultdict(list)
        for kind, name in sorted(self._seen.keys() | self._failed.keys()):
            key = (kind, name)
            found[kind].append(_spread(name, self._values.get(key, ()), self._seen[key], self._failed[key]))
        return dict(found)


def _spread(name: str, values: Sequence[float], items: int, failed: int) -> Spread:
    if not values:
        return Spread(name, items, failed, math.nan, math.nan, math.nan, ())
    numbers = np.asarray(values)
    low, middle, high = np.quantile(numbers, _QUANTILES).tolist()
    least, most = float(numbers.min()), float(numbers.max())
    bins, _ = np.histogram(numbers, BINS, (least, most) if most > least else (least - 0.5, least + 0.5))
    return Spread(name, items, failed, low, middle, high, tuple(bins.tolist()))
