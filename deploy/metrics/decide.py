"""The metrics of `sluice decide`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakValueDictionary

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aggregation import PartitionGate, Tally
from deploy.metrics.base import counter, counters, gauge

_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_ENDS: Final = frozenset({"committed", "aborted", "fenced", "unknown"})


class DecideMetrics(Collector):
    """Counts transactions as they end, and reads the gates when it is asked."""

    def __init__(self, registry: CollectorRegistry, own_policy: str = "") -> None:
        """Begin at 0 and add itself to the registry. `own_policy` is the decider's own, as name@version."""
        self._own_policy = own_policy
        self._lock = threading.Lock()
        self._transactions: Counter[tuple[str, ...]] = Counter({(end,): 0 for end in _ENDS})
        self._decisions: Counter[tuple[str, ...]] = Counter()
        self._dead_letters = 0
        self._retired = Tally()
        self._tallies: dict[int, Tally] = {}
        self._gates: WeakValueDictionary[int, PartitionGate] = WeakValueDictionary()
        self._seconds = Histogram(
            "sluice_transaction_seconds",
            "How long committing a transaction took.",
            buckets=_SECONDS,
            registry=registry,
        )
        registry.register(self)

    def note(self, event: str, **fields: Any) -> None:
        """Count one event of the loop: the end of a transaction."""
        if event not in _ENDS:
            return
        with self._lock:
            self._transactions[(event,)] += 1
            if event != "committed":
                return
            self._dead_letters += fields["dead_letters"]
            for name, count in fields["by_cause"].items():
                self._decisions[tuple(name.split("/"))] += count
        self._seconds.observe(fields["seconds"])

    def watch(self, partition: int, gate: PartitionGate) -> PartitionGate:
        """Count for a gate that was made, in the place of an earlier one of its partition; return it."""
        with self._lock:
            earlier = self._tallies.get(partition)
            if earlier is not None:
                self._retired.add(earlier)
            self._tallies[partition] = gate.tally
            self._gates[partition] = gate  # weakly: a gate that the loop has thrown away costs nothing more
        return gate

    def collect(self) -> Iterator[Metric]:
        """Yield all of them."""
        with self._lock:
            transactions, decisions, dead_letters = dict(self._transactions), dict(self._decisions), self._dead_letters
            tallies = [self._retired, *self._tallies.values()]
            total = Tally()
            for one in tallies:
                total.add(one)
            open_windows = sum(gate.open_windows for gate in self._gates.values())
            policies = {partition: gate.policy for partition, gate in self._gates.items()}
        yield counters(
            "sluice_decisions",
            "Decisions that were committed, by action and by what closed the window.",
            ["action", "cause"],
            decisions,
        )
        yield counters(
            "sluice_transactions",
            "Transactions by their end; of an unknown one recovery reads whether it committed.",
            ["end"],
            transactions,
        )
        yield counter("sluice_dead_letters", "Messages on `dead-letters`, committed.", dead_letters)
        yield counter("sluice_scores_late", "Answers that came after their window's decision.", total.late)
        yield counter(
            "sluice_scores_after_final",
            "Answers that came after a decision that none could change, such as an early one.",
            total.after_final,
        )
        yield counter("sluice_scores_unreadable", "Records of `scores` that are not ours.", total.unreadable)
        yield counter("sluice_windows_reopened", "Windows opened after their decision was forgotten.", total.reopened)
        yield counter("sluice_windows_shed", "Windows closed because memory was short.", total.shed)
        yield gauge("sluice_windows_open", "Parents with answers and without a decision.", open_windows)
        active = GaugeMetricFamily(
            "sluice_policy_active",
            "1 for the policy that windows are opened under now: from the topic, or the decider's own.",
            labels=["partition", "policy", "origin"],
        )
        for partition, policy in sorted(policies.items()):
            active.add_metric([str(partition), policy or self._own_policy, "topic" if policy else "own"], 1)
        yield active
