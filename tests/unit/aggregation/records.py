"""Records, policies and a partition to try gates on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from aggregation import PartitionGate, Verdict
from schemas.checkpoint import Checkpoint
from schemas.decisions import Decision
from schemas.policy import Policy, Rule
from schemas.scores import (
    ItemFailed,
    ItemRuled,
    ItemScored,
    ItemSkipped,
    ItemWithdrawn,
    ParentEnded,
    PolicyActivated,
)

SCORER = "f" * 64
NOW = 1_700_000_000_000
_ORIGIN: dict[str, Any] = {"kind": "video-frame", "source": "camera-1"}
_PLACE = {"item_partition": 0, "item_offset": 0}


def scored(parent: str, index: int, score: float, count: int | None = None, at: int = 0, **other: Any) -> bytes:
    fields = {"item_id": f"{parent}/{index}", "scorer": SCORER, "calibrated": True, "embedding": "e", **other}
    record = ItemScored(parent_id=parent, index=index, score=score, count=count, appended_at=at, **_filled(fields))
    return record.to_json()


def failed(parent: str, index: int, count: int | None = None, at: int = 0, **other: Any) -> bytes:
    fields = _filled({"item_id": f"{parent}/{index}", "cause": "truncated_image", **other})
    return ItemFailed(parent_id=parent, index=index, count=count, appended_at=at, **fields).to_json()


def skipped(parent: str, index: int, count: int | None = None, at: int = 0, **other: Any) -> bytes:
    fields = _filled({"item_id": f"{parent}/{index}", "cause": "empty", **other})
    return ItemSkipped(parent_id=parent, index=index, count=count, appended_at=at, **fields).to_json()


def withdrawn(parent: str, index: int, again: int, count: int | None = None, at: int = 0, **other: Any) -> bytes:
    fields = _filled({"item_id": f"{parent}/{index}", "cause": "canaries_failed", "again": again, **other})
    return ItemWithdrawn(parent_id=parent, index=index, count=count, appended_at=at, **fields).to_json()


def ended(parent: str, count: int | None = None, at: int = 0, **other: Any) -> bytes:
    return ParentEnded(parent_id=parent, count=count, appended_at=at, **{**_ORIGIN, **other}).to_json()


def activated(name: str, version: int) -> bytes:
    return PolicyActivated(name=name, version=version, digest="0" * 64).to_json()


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {**_ORIGIN, **_PLACE, **fields}


def policy(**rule: Any) -> Policy:
    return Policy(name="test", rules=[Rule(**rule)])


def fed(
    records: Iterable[bytes], decider: Policy | None = None, resume: Checkpoint | None = None, start: int = 0
) -> PartitionGate:
    """Return a gate that has applied the records, the first of them at offset `start`."""
    gate = PartitionGate(0, decider or policy(), resume)
    assert gate.apply(enumerate(records, start), NOW) == []
    return gate


def taken(gate: PartitionGate) -> list[Verdict]:
    return gate.take(1_000_000)


def decisions(gate: PartitionGate) -> list[Decision]:
    """Return what a gate decided, each validated against the schema."""
    return [Decision.model_validate_json(verdict.value) for verdict in taken(gate)]


def only(gate: PartitionGate) -> Decision:
    """Return the one decision that a gate made."""
    (decision,) = decisions(gate)
    return decision


def fields(verdict: Verdict) -> dict[str, Any]:
    return dict(msgspec.json.decode(verdict.value))


def ruled(parent: str, index: int, count: int | None = None, at: int = 0, **other: Any) -> bytes:
    fields = _filled({"item_id": f"{parent}/{index}", "rule": "too_short", "policy": "test@1", **other})
    return ItemRuled(parent_id=parent, index=index, count=count, appended_at=at, **fields).to_json()
