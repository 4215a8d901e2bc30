"""From a closed window to its decision record."""

from __future__ import annotations

import hashlib
import uuid

import msgspec

from aggregation.ruling import Evidence, Ruling
from aggregation.spans import WHOLE
from aggregation.window import Window
from schemas.decisions import Cause

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sluice.org/decision/v1")

_encode = msgspec.json.Encoder().encode
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


def audit_draw(parent_id: str, window: str) -> float:
    """Return a number in [0,1) that parent and window determine, spread evenly over them: below the rate is drawn."""
    digest = hashlib.blake2b(f"{parent_id}\n{window}".encode(), digest_size=8, person=b"sluice-audit").digest()
    return int.from_bytes(digest, "big") / 2**64


class Closing(msgspec.Struct, frozen=True, gc=False):
    """What closed a window, and where its partition stood."""

    cause: Cause
    through_offset: int
    partition: int
    closed_at: int  # stream time, ms
    decided_at: int  # ms since 1970 UTC


class _Counts(msgspec.Struct, omit_defaults=True, gc=False):
    scored: int
    failed: int
    skipped: int
    missing: int
    duplicate: int
    expected: int | None = None
    ruled: int = 0
    remaining: int = 0
    late: int = 0


class _Timings(msgspec.Struct, gc=False):
    first_item_at: int
    last_item_at: int
    closed_at: int
    decided_at: int


class _Bounds(msgspec.Struct, gc=False):
    lower: float
    upper: float


class _Worst(msgspec.Struct, gc=False):
    score: float
    index: int
    item_id: str
    reasons: tuple[str, ...]


class _AuditDraw(msgspec.Struct, gc=False):
    probability: float
    selected: bool


class _Decision(msgspec.Struct, tag="Decision", tag_field="type", omit_defaults=True, gc=False):
    """`schemas.decisions.Decision` as it is written; what is None or empty at the end is left out.

    It is made by position: by name would cost as much as writing it.
    """

    id: str
    parent_id: str
    kind: str
    source: str
    window: str
    revision: int
    action: str
    review: bool
    uncalibrated: bool
    reasons: tuple[str, ...]
    cause: Cause
    counts: _Counts
    worst: list[_Worst]
    scorers: list[str]
    policy: msgspec.Raw
    partition: int
    first_offset: int
    through_offset: int
    timings: _Timings
    label: str | None = None
    score: float | None = None
    effective_trim: float | None = None
    failures: tuple[str, ...] = ()
    bounds: _Bounds | None = None
    audit: _AuditDraw | None = None


class _Retraction(msgspec.Struct, tag="Retraction", tag_field="type", gc=False):
    """`schemas.decisions.Retraction` as it is written."""

    id: str
    parent_id: str
    window: str
    revision: int
    replaced_by: str
    action: str


def write(window: Window, evidence: Evidence, ruling: Ruling, closing: Closing) -> bytes:
    """Return the record (`schemas.decisions.Decision` as JSON) for a window that has been ruled on."""
    revision = 0 if window.decided is None else window.decided.revision + 1
    parent_id, terms = window.parent_id, window.lane.terms
    record = _Decision(
        decision_id(parent_id, window.id, revision),
        parent_id,
        window.kind,
        window.source,
        window.id,
        revision,
        ruling.action,
        ruling.review,
        evidence.uncalibrated,
        ruling.reasons,
        closing.cause,
        _counts(window, evidence),
        [_Worst(*item) for item in window.named],
        _scorers(window),
        terms.record,
        closing.partition,
        window.first_offset,
        closing.through_offset,
        _Timings(window.first_at, window.last_at, closing.closed_at, closing.decided_at),
        ruling.label,
        ruling.score,
        ruling.effective_trim,
    )
    if evidence.failed:
        record.failures = window.causes
    if ruling.bounds is not None:
        record.bounds = _Bounds(*ruling.bounds)
    rate = terms.audit.get(ruling.action)
    if rate:
        record.audit = _AuditDraw(rate, audit_draw(parent_id, window.id) < rate)
    return _encode(record)


def retraction(window: Window, action: str) -> bytes:
    """Return the record that withdraws a window's last decision, where its revision has another action.

    Raises:
        ValueError: the window has not been decided before.
    """
    before = window.decided
    if before is None:
        raise ValueError(f"window {window.id} of parent {window.parent_id} has no decision to withdraw")
    return _encode(
        _Retraction(
            id=decision_id(window.parent_id, window.id, before.revision),
            parent_id=window.parent_id,
            window=window.id,
            revision=before.revision,
            replaced_by=decision_id(window.parent_id, window.id, before.revision + 1),
            action=action,
        )
    )


def _scorers(window: Window) -> list[str]:
    if window.scorers is not None:
        return sorted(window.scorers)
    return [window.scorer] if window.scorer else []


def _counts(window: Window, evidence: Evidence) -> _Counts:
    return _Counts(
        evidence.scored - evidence.ruled,
        evidence.failed,
        evidence.skipped,
        evidence.missing,
        window.duplicates,
        window.expected,
        evidence.ruled,
        evidence.remaining,
        0 if window.decided is None else window.late,
    )
