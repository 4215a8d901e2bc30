"""Cheap metrics, taken at native resolution: an encoder's input is resized, which destroys blur and noise."""

from workers.metrics.measure import METRIC_NAMES, METRICS_VERSION, family, measure

__all__ = ["METRICS_VERSION", "METRIC_NAMES", "family", "measure"]
