"""The metrics of a worker that follows released heads."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deploy.metrics.base import counter
from deploy.promotion.following import ReleaseStatus


class ReleaseMetrics(Collector):
    """Reads where a worker stands with what is released when it is asked."""

    def __init__(self, registry: CollectorRegistry, status: ReleaseStatus) -> None:
        """Name what is read, and add itself to the registry."""
        self._status = status
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield all of them."""
        heads, refused = dict(self._status.heads), dict(self._status.refused)
        used = GaugeMetricFamily(
            "sluice_head_released", "1 while a kind is scored by a head that was released.", labels=["kind", "head"]
        )
        for kind, head in sorted(heads.items()):
            used.add_metric([kind, (head or "own")[:12]], float(head is not None))
        yield used
        wrong = GaugeMetricFamily(
            "sluice_head_release_refused", "1 while the head released for a kind is not used here.", labels=["kind"]
        )
        for kind in sorted(heads.keys() | refused.keys()):
            wrong.add_metric([kind], float(kind in refused))
        yield wrong
        yield counter("sluice_head_replacements", "Times that released heads were taken.", self._status.taken)
