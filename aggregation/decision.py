"""From a closed window to its decision record."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

import msgspec

from aggregation.labels import label_of
from aggregation.methods import aggregate
from aggregation.window import Window
from schemas import wire
from schemas.decisions import Cause
from schemas.policy import Action, Label, Policy

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sluice.org/decision/v1")
WHOLE = "whole"
WORST_ITEMS = 3

_encoder = msgspec.json.Encoder()


def decision_id(parent_id: str, window: str = WHOLE, revision: int = 0) -> str:
    """Return the id of a decision: a UUID version 5 (RFC 9562) of parent, window and revision."""
    return str(uuid.uuid5(NAMESPACE, f"{parent_id}\n{window}\n{revision}"))


@dataclass(frozen=True, slots=True)
class Closing:
    """What closed a window, and where its partition stood."""

    cause: Cause
    through_offset: int
    partition: int
    decided_at: int  # ms since 1970 UTC


@dataclass(frozen=True, slots=True)
class Ruling:
    """The part of a decision that the policy determines."""

    action: Action
    label: Label | None
    score: float | None
    effective_trim: float | None
    reasons: tuple[str, ...]
    review: bool
    uncalibrated: bool


class DecisionWriter:
    """Makes decision records under one policy version."""

    def __init__(self, policy: Policy) -> None:
        """Encode once what is the same in every record of a rule."""
        digest = policy.digest()
        self._policies = {
            id(rule): msgspec.Raw(
                _encoder.encode(
                    {
                        "name": policy.name,
                        "version": policy.version,
                        "digest": digest,
                        "rule": rule.model_dump(mode="json"),
                    }
                )
            )
            for rule in policy.rules
        }

    def write(self, window: Window, closing: Closing) -> tuple[Action, bytes]:
        """Return the action and the record (`schemas.decisions.Decision` as JSON) for a closed window."""
        scored = [answer for answer in window.answers.values() if isinstance(answer, wire.ItemScored)]
        failed = sum(isinstance(answer, wire.ItemFailed) for answer in window.answers.values())
        ruling = rule_on(window, scored, failed)
        record: dict[str, Any] = {
            "type": "Decision",
            "id": decision_id(window.parent_id),
            "parent_id": window.parent_id,
            "kind": window.kind,
            "source": window.source,
            "window": WHOLE,
            "revision": 0,
            "action": ruling.action,
            "review": ruling.review,
            "uncalibrated": ruling.uncalibrated,
            "reasons": ruling.reasons,
            "cause": closing.cause,
            "counts": _counts(window, len(scored), failed),
            "worst": [_worst(item) for item in nsmallest(WORST_ITEMS, scored, key=_by_score)],
            "scorers": sorted({item.scorer for item in scored}),
            "policy": self._policies[id(window.rule)],
            "partition": closing.partition,
            "first_offset": window.first_offset,
            "through_offset": closing.through_offset,
            "timings": {
                "first_item_at": window.first_at,
                "last_item_at": window.last_at,
                "decided_at": closing.decided_at,
            },
        }
        if ruling.label is not None:
            record["label"] = ruling.label
            record["score"] = ruling.score
        if ruling.effective_trim is not None:
            record["effective_trim"] = ruling.effective_trim
        return ruling.action, _encoder.encode(record)


def rule_on(window: Window, scored: list[wire.ItemScored], failed: int) -> Ruling:
    """Apply the window's rule: aggregate, label, act; what falls short of the rule's conditions goes to review."""
    rule = window.rule
    values = [item.score for item in scored]
    if rule.completeness.failed_as == "zero":
        values += [0.0] * failed
    uncalibrated = any(not item.calibrated for item in scored)
    notes = _notes(scored, failed)
    obstacles = _obstacles(window, len(scored), failed)
    if not values:
        return Ruling(Action.REVIEW, None, None, None, (*obstacles, *notes), review=True, uncalibrated=uncalibrated)
    result = aggregate(values, rule.method)
    label = label_of(result.score, rule.thresholds)
    action = rule.actions[label]
    if action is Action.REJECT and uncalibrated and not rule.uncalibrated_may_reject:
        obstacles.append("uncalibrated_head")
    if obstacles:
        action = Action.REVIEW
    review = action is Action.REVIEW or label in rule.review_flag
    return Ruling(action, label, result.score, result.effective_trim, (*obstacles, *notes), review, uncalibrated)


def _obstacles(window: Window, scored: int, failed: int) -> list[str]:
    """Return the reasons for which no score may decide alone."""
    limits = window.rule.completeness
    unanswered = window.missing + (failed if limits.failed_as == "missing" else 0)
    whole = max(1, window.missing + len(window.answers))
    found = {
        "too_few_items": scored < limits.min_scored,
        "missing_items": unanswered / whole > limits.max_missing,
        "conflicting_counts": window.count_conflict,
        "index_beyond_count": window.index_beyond_count,
        "conflicting_origin": window.origin_conflict,
        "truncated": window.truncated,
    }
    return [reason for reason, holds in found.items() if holds]


def _notes(scored: list[wire.ItemScored], failed: int) -> list[str]:
    """Return what a reader should know and what changes nothing."""
    notes = []
    if failed:
        notes.append("failed_items")
    if len({item.scorer for item in scored}) > 1:
        notes.append("mixed_scorers")
    return notes


def _counts(window: Window, scored: int, failed: int) -> dict[str, int]:
    counts = {
        "scored": scored,
        "failed": failed,
        "skipped": len(window.answers) - scored - failed,
        "missing": window.missing,
        "duplicate": window.duplicates,
    }
    return counts if window.expected is None else {"expected": window.expected, **counts}


def _by_score(item: wire.ItemScored) -> tuple[float, int]:
    return item.score, item.index


def _worst(item: wire.ItemScored) -> dict[str, Any]:
    return {"index": item.index, "item_id": item.item_id, "score": item.score, "reasons": item.reasons}
