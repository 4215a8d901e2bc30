"""From scored items to decisions. Pure: no Kafka, no clock, no I/O; time comes in as an argument."""

from aggregation.bounds import score_bounds
from aggregation.editions import UnknownPolicyError
from aggregation.gate import PartitionGate
from aggregation.labels import label_of
from aggregation.methods import Aggregate, aggregate
from aggregation.verdict import Tally, Verdict

__all__ = [
    "Aggregate",
    "PartitionGate",
    "Tally",
    "UnknownPolicyError",
    "Verdict",
    "aggregate",
    "label_of",
    "score_bounds",
]
