"""Sets of metrics: what is measured of a medium, and under which versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, get_args

from workers.media import Chunk, Medium, Picture, Slice
from workers.metrics.frames import RANGES
from workers.metrics.pictures import PICTURES
from workers.metrics.registry import Family, Metric, MetricError, remembering
from workers.metrics.slices import SLICES
from workers.metrics.texts import TEXTS

BUILT_IN: Final[tuple[Metric, ...]] = (*PICTURES, *SLICES, *TEXTS)

FAMILY_OF: Final[Mapping[str, Family]] = MappingProxyType(
    {"video-frame": "picture", "image": "picture", "mri-slice": "slice", "document-chunk": "chunk"}
)
"""Which family the items of a kind have, as far as it is known before they are decoded."""


class Measured(NamedTuple):
    """The metrics of a medium by name, the names of those that failed, and the codes of what stands behind values.

    A metric fails where it raises, or has no proper value.
    """

    values: dict[str, float]
    failed: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What has been worked out of one medium so far: `shared` views, and metrics by name."""

    views: dict[Callable[[Any], Any], Any] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)


class MetricSet:
    """What a worker measures. It keeps no state between calls, so threads may share it."""

    def __init__(self, metrics: Iterable[Metric], across: Iterable[str] = RANGES) -> None:
        """Take metrics, in their order, and the names of what is measured across frames (`metrics/frames.py`).

        Raises:
            MetricError: two of a family share a name.
        """
        self.across = frozenset(across)
        self._of: dict[Family, dict[str, Metric]] = {family: {} for family in get_args(Family)}
        for one in metrics:
            if one.name in self._of[one.family]:
                raise MetricError(f"two metrics of a {one.family} are called {one.name}; rename one of them")
            self._of[one.family][one.name] = one
        self._versions = {family: _digest({family: self.versions(family)}) for family in self._of}
        self._whole = _digest({family: self.versions(family) for family in self._of})

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All of them, by family."""
        return tuple(one for metrics in self._of.values() for one in metrics.values())

    def versions(self, family: Family) -> dict[str, str]:
        """Return the versions of a family's metrics by name, in their order."""
        return {name: one.version for name, one in self._of[family].items()}

    def version(self, kind: str) -> str:
        """Name what is measured of a kind: equal for sets of the same metrics and versions, whatever their order."""
        family = FAMILY_OF.get(kind)
        return self._whole if family is None else self._versions[family]

    def value(self, medium: Medium, name: str, known: Known) -> float | None:
        """Return one metric of a medium, and keep it; None where there is none of that name or it has no value."""
        one = self._of[family(medium)].get(name)
        if one is None or name in known.values:
            return known.values.get(name)
        with _unchangeable(medium), remembering(medium, known.views):
            try:
                return known.values.setdefault(name, one(medium))
            except Exception:  # noqa: BLE001 (`measure` says of it that it failed)
                return None

    def measure(self, medium: Medium, known: Known | None = None) -> Measured:
        """Return a medium's metrics, in their order, each finite and within its range. Never raises for a metric.

        Args:
            medium: what is measured.
            known: what was worked out of it before.
        """
        before = known or Known()
        values: dict[str, float] = {}
        failed: list[str] = []
        codes: dict[str, None] = {}
        with _unchangeable(medium), remembering(medium, before.views):
            for name, one in self._of[family(medium)].items():
                try:
                    value = before.values[name] if name in before.values else one(medium)
                    codes |= dict.fromkeys(one.codes(medium) if one.codes else ())
                    values[name] = value
                except Exception:  # noqa: BLE001 (whatever it is, the other metrics are not to suffer for it)
                    failed.append(name)
        return Measured(values, tuple(failed), tuple(codes))


def family(medium: Medium) -> Family:
    """Return which family of metrics a medium has."""
    match medium:
        case Picture():
            return "picture"
        case Slice():
            return "slice"
        case Chunk():
            return "chunk"


@contextmanager
def _unchangeable(medium: Medium) -> Iterator[None]:
    """Make a medium's pixels read-only: a metric that wrote into them would change the score."""
    pixels = medium.rgb if isinstance(medium, Picture) else getattr(medium, "intensity", None)
    if pixels is None or not pixels.flags.writeable:
        yield
        return
    pixels.flags.writeable = False
    try:
        yield
    finally:
        pixels.flags.writeable = True


def _digest(versions: Mapping[Family, Mapping[str, str]]) -> str:
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]


STANDARD: Final = MetricSet(one for one in BUILT_IN if not one.optional)
"""The metrics of this package that are not optional."""

METRIC_NAMES: Final[Mapping[Family, tuple[str, ...]]] = MappingProxyType(
    {
        family: tuple(one.name for one in STANDARD.metrics if one.family == family and one.fused)
        for family in get_args(Family)
    }
)
"""What heads are trained with unless told otherwise."""

METRICS_VERSION: Final = "1"
"""The version of a metric for which a head's manifest names none."""


def measure(medium: Medium) -> dict[str, float]:
    """Return the medium's `STANDARD` metrics by name, in their order.

    Raises:
        ArithmeticError: one of them failed: a fault of ours, and better said here than as a strange score.
    """
    found = STANDARD.measure(medium)
    if found.failed:
        raise ArithmeticError(f"the metric {found.failed[0]} has no value for this medium")
    return found.values
