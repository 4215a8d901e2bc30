"""What one side says of a window: the part of its decision that is compared, small enough to hold a million of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from deploy.diff.edges import REJECT, Edges

Key = tuple[str, str]
"""Parent and window."""

_NOTES: Final = frozenset({"failed_items", "ruled_items", "mixed_scorers"})
"""Reasons that tell of something odd and do not decide (see `aggregation.ruling`); all others send to review."""
_UNCALIBRATED: Final = "uncalibrated_head"
_BAD_BELOW: Final = 0.5


class Terms(msgspec.Struct, frozen=True):
    """What a decision was made under. Decisions under one rule share it."""

    name: str
    version: int
    digest: str
    edges: Edges
    soft_edges: Edges  # where the head is not calibrated, and may not reject
    bad_below: float

    @property
    def reference(self) -> str:
        """Name and version of the policy."""
        return f"{self.name}@{self.version}"


class Said(msgspec.Struct, frozen=True, gc=False):
    """What one side says of a window.

    Attributes:
        margin: How far the score (of an early decision: its bounds) is from where the action would change; None where
            the score did not decide, or no score would change the action.
        by_score: Whether the score alone decided.
        edges: Where the action changes for a head like its own, calibrated or not.
        wall_clock: The live window was closed by the wall clock.
        near: The score is within the replay's epsilon of a threshold.
        expired: Items that retention had deleted before they could be scored anew.
    """

    parent_id: str
    window: str
    revision: int
    kind: str
    source: str
    action: str
    label: str | None
    score: float | None
    margin: float | None
    by_score: bool
    cause: str
    reasons: tuple[str, ...]
    scored: int
    terms: Terms
    edges: Edges
    scorers: tuple[str, ...]
    partition: int
    first_offset: int
    through_offset: int
    wall_clock: bool = False
    near: bool = False
    expired: int = 0

    @property
    def key(self) -> Key:
        """Parent and window."""
        return self.parent_id, self.window


class _Counts(msgspec.Struct):
    scored: int = 0


class _Bounds(msgspec.Struct):
    lower: float
    upper: float


class _Decision(msgspec.Struct, tag_field="type", tag="Decision"):
    """See `schemas.decisions.Decision`."""

    parent_id: str
    window: str
    kind: str
    source: str
    action: Literal["accept", "review", "reject"]
    cause: str
    policy: msgspec.Raw
    partition: int
    first_offset: int
    through_offset: int
    revision: int = 0
    label: str | None = None
    score: float | None = None
    uncalibrated: bool = False
    reasons: tuple[str, ...] = ()
    bounds: _Bounds | None = None
    counts: _Counts = msgspec.field(default_factory=_Counts)
    scorers: tuple[str, ...] = ()


class _Rule(msgspec.Struct):
    thresholds: dict[str, float]
    actions: dict[str, str]
    uncalibrated_may_reject: bool = False
    bad_below: float = _BAD_BELOW


class _Policy(msgspec.Struct):
    name: str
    version: int
    digest: str
    rule: _Rule


_decision = msgspec.json.Decoder(_Decision)
_policy = msgspec.json.Decoder(_Policy)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, KeyError)


@dataclass(slots=True)
class Reader:
    """Reads decision records; what many of them have alike is kept once."""

    _terms: dict[bytes, Terms] = field(default_factory=dict)
    _tuples: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def read(
        self, value: bytes | str | None, *, wall_clock: bool = False, near: bool = False, expired: int = 0
    ) -> Said | None:
        """Return what a decision record says; None for what is none, such as a retraction.

        Args:
            value: JSON.
            wall_clock: the live window was closed by the wall clock.
            near: its score is close to a threshold.
            expired: items that could not be scored anew.
        """
        try:
            found = _decision.decode(value or b"")
            terms = self._terms_of(found.policy)
        except _UNREADABLE:
            return None
        edges = terms.soft_edges if found.uncalibrated and found.action != REJECT else terms.edges
        by_score = found.score is not None and not set(found.reasons) - _NOTES - {_UNCALIBRATED}
        return Said(
            parent_id=found.parent_id,
            window=sys.intern(found.window),
            revision=found.revision,
            kind=sys.intern(found.kind),
            source=sys.intern(found.source),
            action=sys.intern(found.action),
            label=found.label and sys.intern(found.label),
            score=found.score,
            margin=_margin(found, edges) if by_score else None,
            by_score=by_score,
            cause=sys.intern(found.cause),
            reasons=self._once(found.reasons),
            scored=found.counts.scored,
            terms=terms,
            edges=edges,
            scorers=self._once(found.scorers),
            partition=found.partition,
            first_offset=found.first_offset,
            through_offset=found.through_offset,
            wall_clock=wall_clock,
            near=near,
            expired=expired,
        )

    def _terms_of(self, raw: msgspec.Raw) -> Terms:
        value = bytes(raw)
        if value not in self._terms:
            policy = _policy.decode(value)
            rule = policy.rule
            edges = Edges.of(rule.thresholds, rule.actions)
            soft = edges if rule.uncalibrated_may_reject else edges.held_back()
            self._terms[value] = Terms(policy.name, policy.version, policy.digest, edges, soft, rule.bad_below)
        return self._terms[value]

    def _once(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        return self._tuples.setdefault(texts, texts)


def _margin(found: _Decision, edges: Edges) -> float | None:
    if found.bounds is not None:  # early: decided by what the score could still become
        return edges.margin(found.bounds.lower, found.bounds.upper)
    return None if found.score is None else edges.margin(found.score, found.score)
