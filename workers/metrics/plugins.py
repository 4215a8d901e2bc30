"""Metrics of other packages, found by the entry point group `sluice.metrics`, and which metrics a worker measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final, get_args

from workers.metrics.frames import RANGES
from workers.metrics.measure import BUILT_IN, MetricSet
from workers.metrics.registry import Family, Metric, MetricError

GROUP: Final = "sluice.metrics"
_BESIDE: Final = frozenset({*RANGES, "replaced_bytes"})  # stand among the metrics of scores, and are no `Metric`


def metric_set(choice: Sequence[str] = ()) -> MetricSet:
    """Return what to measure: the metrics of this package and of those that are installed, but for optional ones.

    Args:
        choice: names of metrics to measure beside them, and `-name` of those to leave out. An entry point that is left
            out is not even imported.

    Raises:
        MetricError: an entry point cannot be loaded, a name is taken, or a chosen one is unknown or lacks its parts.
    """
    return _metric_set(tuple(choice))


@cache
def _metric_set(choice: tuple[str, ...]) -> MetricSet:
    added = {name for name in choice if not name.startswith("-")}
    left_out = {name[1:] for name in choice if name.startswith("-")}
    points = entry_points(group=GROUP)
    found = [*BUILT_IN, *_plugged_in(point for point in points if point.name not in left_out)]
    unknown = (added | left_out) - {one.name for one in found} - {point.name for point in points} - RANGES.keys()
    if unknown:
        raise MetricError(
            f"there is no metric called {', '.join(sorted(unknown))}; optional ones are "
            f"{', '.join(sorted({one.name for one in found if one.optional})) or 'none'}"
        )
    if added & left_out:
        raise MetricError(f"{', '.join(sorted(added & left_out))} is both asked for and left out; say one of them")
    wanted = [one for one in found if one.name not in left_out and (one.name in added or not one.optional)]
    for one in wanted:
        if one.check is not None:
            one.check()
    return MetricSet(wanted, RANGES.keys() - left_out)


def _plugged_in(points: Iterable[EntryPoint]) -> list[Metric]:
    """Load metrics, those of one package after those of another, in an order that does not depend on the machine."""
    owners = {(one.family, one.name): "Sluice" for one in BUILT_IN}
    owners |= {(family, name): "Sluice" for family in get_args(Family) for name in _BESIDE}
    found: list[Metric] = []
    for point in sorted(points, key=lambda one: (_package(one), one.name)):
        for one in _loaded(point):
            owner = owners.get((one.family, one.name))
            if owner is not None:
                raise MetricError(
                    f"the {one.family} metric {one.name} of {_package(point)} has the name of one of {owner}: "
                    f"rename it, or leave it out with SLUICE_METRICS=-{point.name}"
                )
            owners[one.family, one.name] = _package(point)
            found.append(one)
    return found


def _loaded(point: EntryPoint) -> Sequence[Metric]:
    try:
        value = point.load()
    except Exception as error:  # (importing another's code may raise anything)
        raise MetricError(
            f"the entry point {point.name} = {point.value} of {_package(point)} cannot be loaded: "
            f"{type(error).__name__}: {error}. Repair it, or leave it out with SLUICE_METRICS=-{point.name}"
        ) from error
    metrics = [value] if isinstance(value, Metric) else value
    if not isinstance(metrics, list | tuple) or not all(isinstance(one, Metric) for one in metrics):
        raise MetricError(
            f"the entry point {point.name} = {point.value} of {_package(point)} is no metric and no list of them: "
            "decorate the function with workers.metrics.metric"
        )
    return metrics


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
