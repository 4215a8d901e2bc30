"""Thresholds with a guarantee, and the watch on it. Pure: no Kafka, no clock, no I/O."""

from workers.guarantee.alternatives import Alternative, Costs, by_capacity, by_cost, by_percentile
from workers.guarantee.bounds import least_labels
from workers.guarantee.choosing import Choice, choose, choose_each
from workers.guarantee.curve import Curve, curve
from workers.guarantee.errors import GroupsError, GuaranteeError, ProbabilityError
from workers.guarantee.monitoring import RiskMonitor
from workers.guarantee.sample import Sample
from workers.guarantee.splitting import delta_of_run, split_delta

__all__ = [
    "Alternative",
    "Choice",
    "Costs",
    "Curve",
    "GroupsError",
    "GuaranteeError",
    "ProbabilityError",
    "RiskMonitor",
    "Sample",
    "by_capacity",
    "by_cost",
    "by_percentile",
    "choose",
    "choose_each",
    "curve",
    "delta_of_run",
    "least_labels",
    "split_delta",
]
