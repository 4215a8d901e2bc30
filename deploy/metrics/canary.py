"""The metrics of the watch on the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from deploy.canaries import Watch
from deploy.metrics.base import counter, counters, gauge
from schemas.canaries import Channels
from workers.results import Effort
from workers.watch.status import HOLD_BUCKETS, Status

_CHANNELS: Mapping[str, Callable[[Channels], list[float]]] = {
    "mean": lambda seen: seen.mean,
    "std": lambda seen: seen.std,
}


class CanaryMetrics(Collector):
    """Reads the watch when it is asked."""

    def __init__(
        self, registry: CollectorRegistry, watch: Watch, effort: Effort, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Name what is read, and add itself to the registry."""
        self._watch = watch
        self._effort = effort
        self._clock = clock
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield all of them."""
        status = self._watch.service.status
        yield from _standing(status)
        yield from self._findings(status)
        yield from self._cost()
        yield from self._encoders()

    def _findings(self, status: Status) -> Iterator[Metric]:
        found = dict(status.findings)
        yield _by(
            "sluice_canary_passing",
            "1 where the last round of a kind passed.",
            "kind",
            {kind: float(one.passed) for kind, one in found.items()},
        )
        yield _by(
            "sluice_canary_largest_difference",
            "Between a canary's score and its record, in the last round.",
            "kind",
            {kind: one.largest for kind, one in found.items()},
        )
        yield _by(
            "sluice_canary_margin",
            "Mean score of good canaries less that of damaged ones, in the last round.",
            "kind",
            {kind: one.margin for kind, one in found.items()},
        )
        passed = dict(status.passed_at)
        yield _by(
            "sluice_canary_age_seconds",
            "Since the canaries of a kind passed last.",
            "kind",
            {kind: self._clock() - at for kind, at in passed.items()},
        )

    def _cost(self) -> Iterator[Metric]:
        effort = self._effort
        yield counter("sluice_encoder_seconds", "That encoders and heads worked, canaries included.", effort.seconds)
        yield counter("sluice_canary_seconds", "Those that they worked for canaries.", effort.canary_seconds)
        yield counter("sluice_canary_items", "Canaries that were embedded.", effort.canaries)

    def _encoders(self) -> Iterator[Metric]:
        model = self._watch.model
        yield _by(
            "sluice_encoder_eval_mode",
            "1 while all of an encoder is in evaluation mode.",
            "encoder",
            {name: float(right) for name, right in model.modes().items()},
        )
        inputs, norms = dict(model.inputs), dict(model.norms)
        for what, of in _CHANNELS.items():
            family = GaugeMetricFamily(
                f"sluice_input_channel_{what}",
                f"The {what} of a channel of what enters an encoder, normalised, in the last window.",
                labels=["encoder", "channel"],
            )
            for name, one in inputs.items():
                for place, value in enumerate(of(one.seen) if one.seen else []):
                    family.add_metric([name, str(place)], value)
            yield family
        yield _by(
            "sluice_input_alarm",
            "1 while what enters an encoder is not what normalisation makes.",
            "encoder",
            {name: float(bool(one.why)) for name, one in inputs.items()},
        )
        yield _by(
            "sluice_embedding_norm",
            "Mean norm of an encoder's embeddings in the last window.",
            "encoder",
            {name: one.mean for name, one in norms.items()},
        )
        yield _by(
            "sluice_embedding_alarm",
            "1 while that is far from the canaries'.",
            "encoder",
            {name: float(bool(one.why)) for name, one in norms.items()},
        )
        yield counters(
            "sluice_embeddings_not_finite",
            "Embeddings with NaN or infinity; their items failed.",
            ["encoder"],
            {(name,): one.not_finite for name, one in norms.items()},
        )


def _standing(status: Status) -> Iterator[Metric]:
    yield gauge("sluice_canary_halted", "1 while nothing is scored, since canaries failed.", bool(status.halted))
    yield counters(
        "sluice_canary_rounds",
        "Rounds of canaries.",
        ["result"],
        {("passed",): status.passed, ("failed",): status.failed},
    )
    yield counter("sluice_canary_repairs", "Times that encoders and heads were loaded again.", status.repairs)
    yield gauge("sluice_canary_held_items", "Answers that wait for canaries.", status.held)
    yield counter("sluice_canary_dropped_items", "Answers taken back after a failed round.", status.dropped)
    yield counter("sluice_canary_withdrawn_items", "Answers that went out and were taken back.", status.withdrawn)
    times = status.times
    bounds = [*map(str, HOLD_BUCKETS), "+Inf"]
    yield HistogramMetricFamily(
        "sluice_canary_hold_seconds",
        "How long answers waited for canaries.",
        buckets=list(zip(bounds, accumulate(times.counts), strict=True)),
        sum_value=times.total,
    )


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for place, value in sorted(values.items()):
        family.add_metric([place], value)
    return family
