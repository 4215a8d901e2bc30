"""From a closed window to its decision record."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from heapq import nsmallest
from operator import attrgetter

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
_hash_of_namespace = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
_ID_MASK = ~(0xF << 76 | 0b11 << 62)  # where version and variant stand
_ID_VERSION_5 = 0x5 << 76 | 0b10 << 62
_FEW = 100  # up to so many, sorting all beats a heap


def decision_id(parent_id: str, window: str = WHOLE, revision: int = 0) -> str:
    """Return the id of a decision: a UUID version 5 (RFC 9562, section 5.5) of parent, window and revision.

    The same as `str(uuid.uuid5(NAMESPACE, ...))`, at a tenth of its cost.
    """
    digest = _hash_of_namespace.copy()
    digest.update(f"{parent_id}\n{window}\n{revision}".encode())
    number = int.from_bytes(digest.digest()[:16]) & _ID_MASK | _ID_VERSION_5
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


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


class _Counts(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    expected: int | None = None
    scored: int
    failed: int
    skipped: int
    missing: int
    duplicate: int


class _Worst(msgspec.Struct, gc=False):
    index: int
    item_id: str
    score: float
    reasons: tuple[str, ...]


class _Timings(msgspec.Struct, gc=False):
    first_item_at: int
    last_item_at: int
    decided_at: int


class _Decision(msgspec.Struct, tag="Decision", tag_field="type", kw_only=True, omit_defaults=True, gc=False):
    """`schemas.decisions.Decision` as it is written; what is None is left out."""

    id: str
    parent_id: str
    kind: str
    source: str
    window: str
    revision: int
    action: Action
    label: Label | None = None
    review: bool
    score: float | None = None
    uncalibrated: bool
    reasons: tuple[str, ...]
    effective_trim: float | None = None
    cause: Cause
    counts: _Counts
    worst: list[_Worst]
    scorers: list[str]
    policy: msgspec.Raw
    partition: int
    first_offset: int
    through_offset: int
    timings: _Timings


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
        scored, failed = _by_outcome(window)
        ruling = rule_on(window, scored, failed)
        record = _Decision(
            id=decision_id(window.parent_id),
            parent_id=window.parent_id,
            kind=window.kind,
            source=window.source,
            window=WHOLE,
            revision=0,
            action=ruling.action,
            label=ruling.label,
            review=ruling.review,
            score=ruling.score,
            uncalibrated=ruling.uncalibrated,
            reasons=ruling.reasons,
            effective_trim=ruling.effective_trim,
            cause=closing.cause,
            counts=_counts(window, len(scored), failed),
            worst=[_Worst(item.index, item.item_id, item.score, item.reasons) for item in _worst(scored)],
            scorers=sorted({item.scorer for item in scored}),
            policy=self._policies[id(window.rule)],
            partition=closing.partition,
            first_offset=window.first_offset,
            through_offset=closing.through_offset,
            timings=_Timings(window.first_at, window.last_at, closing.decided_at),
        )
        return ruling.action, _encoder.encode(record)


def _by_outcome(window: Window) -> tuple[list[wire.ItemScored], int]:
    """Return the scored items, and how many failed."""
    scored: list[wire.ItemScored] = []
    failed = 0
    for answer in window.answers.values():
        if isinstance(answer, wire.ItemScored):
            scored.append(answer)
        elif isinstance(answer, wire.ItemFailed):
            failed += 1
    return scored, failed


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
    found = (
        ("too_few_items", scored < limits.min_scored),
        ("missing_items", unanswered / whole > limits.max_missing),
        ("conflicting_counts", window.count_conflict),
        ("index_beyond_count", window.index_beyond_count),
        ("conflicting_origin", window.origin_conflict),
        ("truncated", window.truncated),
    )
    return [reason for reason, holds in found if holds]


def _notes(scored: list[wire.ItemScored], failed: int) -> list[str]:
    """Return what a reader should know and what changes nothing."""
    notes = []
    if failed:
        notes.append("failed_items")
    if len({item.scorer for item in scored}) > 1:
        notes.append("mixed_scorers")
    return notes


def _counts(window: Window, scored: int, failed: int) -> _Counts:
    return _Counts(
        expected=window.expected,
        scored=scored,
        failed=failed,
        skipped=len(window.answers) - scored - failed,
        missing=window.missing,
        duplicate=window.duplicates,
    )


_by_score = attrgetter("score", "index")


def _worst(scored: list[wire.ItemScored]) -> list[wire.ItemScored]:
    """Return the items with the lowest scores."""
    if len(scored) > _FEW:
        return nsmallest(WORST_ITEMS, scored, key=_by_score)
    return sorted(scored, key=_by_score)[:WORST_ITEMS]
