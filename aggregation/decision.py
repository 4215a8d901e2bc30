"""From a closed window to its decision record."""

from __future__ import annotations

import hashlib
import uuid

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
_VARIANT = {digit: f"{int(digit, 16) & 0b11 | 0b1000:x}" for digit in "0123456789abcdef"}


def decision_id(parent_id: str, window: str = WHOLE, revision: int = 0) -> str:
    """Return the id of a decision: a UUID version 5 (RFC 9562, section 5.5) of parent, window and revision.

    The same as `str(uuid.uuid5(NAMESPACE, ...))`, at a tenth of its cost.
    """
    digest = _hash_of_namespace.copy()
    digest.update(f"{parent_id}\n{window}\n{revision}".encode())
    text = digest.hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


class Closing(msgspec.Struct, frozen=True, gc=False):
    """What closed a window, and where its partition stood."""

    cause: Cause
    through_offset: int
    partition: int
    decided_at: int  # ms since 1970 UTC


class Evidence(msgspec.Struct, frozen=True):
    """What a window's answers come to. `ordered` are the scored items, the lowest score first."""

    ordered: list[wire.ItemScored]
    failed: int
    missing: int
    scorers: list[str]
    uncalibrated: bool


class Ruling(msgspec.Struct, frozen=True, gc=False):
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
        evidence = weigh(window)
        ruling = rule_on(window, evidence)
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
            counts=_counts(window, evidence),
            worst=[
                _Worst(item.index, item.item_id, item.score, item.reasons) for item in evidence.ordered[:WORST_ITEMS]
            ],
            scorers=evidence.scorers,
            policy=self._policies[id(window.rule)],
            partition=closing.partition,
            first_offset=window.first_offset,
            through_offset=closing.through_offset,
            timings=_Timings(window.first_at, window.last_at, closing.decided_at),
        )
        return ruling.action, _encoder.encode(record)


def weigh(window: Window) -> Evidence:
    """Return what the window's answers come to."""
    answers = window.answers.values()
    # pairs of a float and an int, and never two alike: the quickest thing to sort
    rows = [(one.score, one.index, one) for one in answers if isinstance(one, wire.ItemScored)]
    rows.sort()
    ordered = [row[2] for row in rows]
    unscored = len(answers) - len(ordered)
    return Evidence(
        ordered=ordered,
        failed=sum(isinstance(answer, wire.ItemFailed) for answer in answers) if unscored else 0,
        missing=window.missing,
        scorers=_scorers(ordered),
        uncalibrated=not all([item.calibrated for item in ordered]),  # noqa: C419 - a generator costs twice as much
    )


def _scorers(items: list[wire.ItemScored]) -> list[str]:
    """Return the scorers; comparing them with the first, which nearly always is the only one, saves hashing them."""
    if not items:
        return []
    first = items[0].scorer
    return sorted({first, *[item.scorer for item in items if item.scorer != first]})


def rule_on(window: Window, evidence: Evidence) -> Ruling:
    """Apply the window's rule: aggregate, label, act; what falls short of the rule's conditions goes to review."""
    rule = window.rule
    values = [item.score for item in evidence.ordered]
    if evidence.failed and rule.completeness.failed_as == "zero":
        values += [0.0] * evidence.failed
    uncalibrated = evidence.uncalibrated
    notes = _notes(evidence)
    obstacles = _obstacles(window, evidence)
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


def _obstacles(window: Window, evidence: Evidence) -> list[str]:
    """Return the reasons for which no score may decide alone."""
    limits = window.rule.completeness
    found = []
    if len(evidence.ordered) < limits.min_scored:
        found.append("too_few_items")
    unanswered = evidence.missing + (evidence.failed if limits.failed_as == "missing" else 0)
    if unanswered and unanswered / (evidence.missing + len(window.answers)) > limits.max_missing:
        found.append("missing_items")
    if window.count_conflict:
        found.append("conflicting_counts")
    if window.index_beyond_count:
        found.append("index_beyond_count")
    if window.origin_conflict:
        found.append("conflicting_origin")
    if window.truncated:
        found.append("truncated")
    return found


def _notes(evidence: Evidence) -> list[str]:
    """Return what a reader should know and what changes nothing."""
    notes = []
    if evidence.failed:
        notes.append("failed_items")
    if len(evidence.scorers) > 1:
        notes.append("mixed_scorers")
    return notes


def _counts(window: Window, evidence: Evidence) -> _Counts:
    scored = len(evidence.ordered)
    return _Counts(
        expected=window.expected,
        scored=scored,
        failed=evidence.failed,
        skipped=len(window.answers) - scored - evidence.failed,
        missing=evidence.missing,
        duplicate=window.duplicates,
    )
