"""The metrics of `sluice monitor`.

Rates are by the rule that they are about, as the policy names it, and not by a producer's source: that has no bound.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deploy.metrics.base import counters, gauge
from deploy.monitor.monitor import Monitor
from schemas.policy import Action

_LABELS: Final = ("policy", "version", "kind", "source")

_Rule = tuple[str, ...]


class MonitorMetrics(Collector):
    """Reads the view when it is asked."""

    def __init__(self, registry: CollectorRegistry, monitor: Monitor) -> None:
        """Name what is read, and add itself to the registry."""
        self._monitor = monitor
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield all of them."""
        monitor = self._monitor
        yield counters(
            "sluice_monitor_records",
            "Records read since the process began: decision, revision, retraction, unreadable, ahead.",
            ["record"],
            {(name,): number for name, number in monitor.tables.tally().items()},
        )
        yield counters(
            "sluice_monitor_decisions",
            "Decisions read since the process began, those of the rebuilt view among them.",
            ["action", "cause"],
            dict(monitor.tables.decided),
        )
        yield counters("sluice_alarms", "Alarms told since the process began.", ["state"], dict(monitor.told))
        figures = monitor.figures
        if figures is None:
            return
        newest = figures["newest_decided_at"]
        yield gauge(
            "sluice_newest_decision_timestamp_seconds",
            "When the newest decision was made; 0 before the first.",
            (newest or 0) / 1000,
        )
        yield from _rules(figures["groups"])


def _rules(groups: list[dict[str, Any]]) -> Iterator[Metric]:
    """Yield the gauges of the last window, by rule."""
    decisions: defaultdict[_Rule, Counter[str]] = defaultdict(Counter)
    alarms: Counter[_Rule] = Counter()
    bands: dict[_Rule, dict[str, float]] = {}
    for group in groups:
        rule = (group["policy"], str(group["version"]), group["rule"]["kind"], group["rule"]["source"])
        decisions[rule].update({action.value: group["window"][action.value] for action in Action})
        alarms[rule] += group["state"] == "alarm"
        if group["expected_pass_rate"]:
            bands[rule] = group["expected_pass_rate"]
    yield _gauges(
        "sluice_window_decisions",
        "Decisions in the monitor's last window.",
        ("action",),
        {(*rule, action): number for rule, found in decisions.items() for action, number in found.items()},
    )
    rates = {rule: found[Action.ACCEPT] / found.total() for rule, found in decisions.items() if found.total()}
    yield _gauges("sluice_pass_rate_ratio", "Accepted of all decisions in the monitor's last window.", (), rates)
    yield _gauges(
        "sluice_pass_rate_expected_ratio",
        "Edges of the band that the policy expects the pass rate in.",
        ("edge",),
        {(*rule, edge): value for rule, band in bands.items() for edge, value in band.items()},
    )
    yield _gauges("sluice_alarms_active", "Sources whose pass rate is outside its band.", (), alarms)


def _gauges(name: str, text: str, more: tuple[str, ...], values: dict[_Rule, float] | Counter[_Rule]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[*_LABELS, *more])
    for labels, value in sorted(values.items()):
        family.add_metric(list(labels), value)
    return family
