"""What every process has metrics of: its loop, the events that the loop tells, and the process itself.

Nothing is counted for each record here. What a loop counts anyway is read at scrape time; only events, of which there
are a few a second, are counted as they come. Labels hold partitions and names of ours, never a producer's words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from deploy.health import Health
from streams.gates import Notify


class Metrics:
    """The registry of a process, and what tells it of events."""

    def __init__(self, role: str, instance: str, health: Health) -> None:
        """Make the registry with what every process has."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("sluice_process", "What this process does and which replica it is.", registry=self.registry).info(
            {"role": role, "instance": instance}
        )
        self._events = Counter(
            "sluice_loop_events",
            "Events that the loop told of, such as assigned, revoked, lost, recovered, truncated.",
            ["event"],
            registry=self.registry,
        )
        self.registry.register(_LoopCollector(health))

    def counting(self, *listeners: Notify) -> Notify:
        """Return what counts each event and passes it on to all listeners, in their order."""

        def counted(event: str, **fields: Any) -> None:
            self._events.labels(event).inc()
            for listener in listeners:
                listener(event, **fields)

        return counted


class _LoopCollector(Collector):
    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        standing = self._health.standing
        yield gauge("sluice_ready", "1 while the process does its share of the work.", self._health.ready().ok)
        if standing is None:
            return
        yield gauge("sluice_loop_age_seconds", "Since the loop's last turn.", self._health.age(standing))
        yield gauge("sluice_partitions_owned", "Partitions that this replica works on.", standing.owned)
        yield gauge("sluice_partitions_recovering", "Partitions given and not recovered yet.", standing.recovering)
        yield gauge("sluice_draining", "1 while what was taken is finished before leaving.", standing.draining)
        lag = GaugeMetricFamily(
            "sluice_lag_records",
            "Records of a partition that are there and not dealt with, by the last fetch.",
            labels=["partition"],
        )
        for number, records in sorted(standing.lag.items()):
            lag.add_metric([str(number)], records)
        yield lag


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter without labels; `_total` is added to its name."""
    return CounterMetricFamily(name, text, value=value)


def counters(name: str, text: str, labels: Iterable[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    """Return a counter with labels; `_total` is added to its name."""
    family = CounterMetricFamily(name, text, labels=list(labels))
    for place, value in sorted(values.items()):
        family.add_metric(list(place), value)
    return family
