"""Cheap metrics, taken at native resolution: an encoder's input is resized, which destroys blur and noise."""

from workers.metrics.measure import (
    BUILT_IN,
    METRIC_NAMES,
    METRICS_VERSION,
    STANDARD,
    Measured,
    MetricSet,
    family,
    measure,
)
from workers.metrics.registry import Family, Metric, MetricError, composed, metric, shared

__all__ = [
    "BUILT_IN",
    "METRICS_VERSION",
    "METRIC_NAMES",
    "STANDARD",
    "Family",
    "Measured",
    "Metric",
    "MetricError",
    "MetricSet",
    "composed",
    "family",
    "measure",
    "metric",
    "shared",
]
