"""A partition with all that can happen to it, and owners that follow each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from aggregation import PartitionGate, Verdict
from schemas.checkpoint import Checkpoint
from schemas.policy import Policy, Rule
from tests.unit.aggregation.records import NOW, activated, ended, failed, fields, scored, skipped, withdrawn

WINDOWS: list[dict[str, Any]] = [
    {"by": "whole"},
    {"by": "index", "size": 2},
    {"by": "index", "size": 3},
    {"by": "time", "length_ms": 1_000},
    {"by": "time", "length_ms": 900, "hop_ms": 300},
]
METHODS = ["mean", "median", "min", "trimmed_mean", "quantile", "share_below"]
NEVER_OVER = 86_400_000  # ms; the longest late time there is


@dataclass(frozen=True)
class Partition:
    """The records of one partition, and the policies: that of the deciders, and those that markers activate."""

    log: list[bytes]
    policies: dict[int, Policy]

    def gate(self, checkpoint: Checkpoint, recalled: list[Verdict], **settings: Any) -> PartitionGate:
        """Return the gate of a new owner."""
        gate = PartitionGate(
            0, self.policies[0], checkpoint, find_policy=lambda _, version, __: self.policies.get(version), **settings
        )
        for verdict in recalled:
            assert gate.recall(verdict.value)
        return gate

    def read(self, gate: PartitionGate, upto: int) -> None:
        assert gate.apply([(offset, self.log[offset]) for offset in range(gate.position, upto)], NOW) == []


def some_policy(draw: Random, version: int, late_ms: list[int]) -> Policy:
    rules = []
    for kind in ("*", "mri-slice"):
        window = draw.choice(WINDOWS)
        rule = {
            "kind": kind,
            "window": window,
            "early": window["by"] == "whole" and draw.random() < 0.5,
            "idle_ms": draw.choice([400, 1_000, 3_000]),
            "max_age_ms": draw.choice([1_500, 5_000]),
            "late": {"rule": draw.choice(["count", "revise", "revise"]), "allowed_ms": draw.choice(late_ms)},
            "method": {"name": draw.choice(METHODS)},
            "completeness": {
                "max_missing": draw.choice([0.0, 0.4, 1.0]),
                "failed_as": draw.choice(["zero", "missing"]),
                "missing_as": draw.choice(["nothing", "zero"]),
            },
        }
        rules.append(Rule.model_validate(rule))
    return Policy(name="p", version=version or 1, rules=rules)


def some_record(draw: Random, at: int, numbers: dict[tuple[str, int], int]) -> bytes:
    """Return a record; `numbers` are the withdrawals so far, which rise, as the clock does that numbers them."""
    parent = f"p{draw.randint(0, 2)}"
    kind = "mri-slice" if parent == "p0" or draw.random() < 0.05 else "video-frame"
    index, count = draw.randint(0, 5), draw.choice([None, None, 4, 4, 4, 5, 7])
    what = draw.random()
    if what < 0.08:
        return activated("p", draw.randint(1, 3))
    if what < 0.15:
        return ended(parent, draw.choice([None, 4, 5]), at, kind=kind)
    item_time = draw.choice([None, NOW + index * 300, NOW + index * 300, 10**15])
    other: dict[str, Any] = {"count": count, "at": at, "kind": kind, "item_time": item_time}
    if what < 0.19:
        numbers[parent, index] = sum(numbers.values()) + 1
        return withdrawn(parent, index, numbers[parent, index], **other)
    other["again"] = draw.choice([0, 0, numbers.get((parent, index), 0)])
    if what < 0.22:
        return failed(parent, index, **other)
    if what < 0.26:
        return skipped(parent, index, **other)
    return scored(parent, index, draw.choice([0.1, 0.3, 0.5, 0.9]), calibrated=draw.random() < 0.8, **other)


def some_partition(draw: Random, late_ms: list[int]) -> Partition:
    """Return a few parents' records: duplicates, conflicts, ends, gaps in time, times out of order, policy switches."""
    at, log, numbers = NOW, [], dict[tuple[str, int], int]()
    for _ in range(draw.randint(2, 40)):
        at += draw.choice([0, 0, 1, 50, 200, 400, 1_100, 1_100, 2_500, 6_000] if draw.random() < 0.3 else [0, 50, 400])
        log.append(some_record(draw, at - draw.choice([0, 0, 0, 300, 5_000]), numbers))
    return Partition(log, {version: some_policy(draw, version, late_ms) for version in range(4)})


@dataclass
class Topics:
    """What the topics keep of a partition, through all of its owners."""

    decisions: list[Verdict] = field(default_factory=list)
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint(0, 0, 0))

    def commit(self, gate: PartitionGate, limit: int) -> None:
        self.decisions += gate.take(limit)
        self.checkpoint = gate.checkpoint()


def identity(verdict: Verdict) -> tuple[str, str, int]:
    record = fields(verdict)
    return record["parent_id"], record["window"], record["revision"]


def facts(verdict: Verdict) -> tuple[object, ...]:
    """Return what must not depend on who decided when: all but the time by the decider's clock."""
    record = fields(verdict)
    record["timings"].pop("decided_at")
    return identity(verdict), verdict.action, verdict.first_offset, verdict.withdrawal, repr(sorted(record.items()))
