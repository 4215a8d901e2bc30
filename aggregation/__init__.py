"""From scored items to decisions. Pure: no Kafka, no clock, no I/O; time comes in as an argument."""

from aggregation.gate import PartitionGate, Verdict
from aggregation.labels import label_of
from aggregation.methods import Aggregate, aggregate

__all__ = ["Aggregate", "PartitionGate", "Verdict", "aggregate", "label_of"]
