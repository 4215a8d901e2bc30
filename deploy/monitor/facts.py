"""What the view keeps of a decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from deploy.monitor.spread import Key
from schemas.decisions import Decision
from schemas.policy import PassRate


class Group(NamedTuple):
    """What a table has one row for: decisions of one source and kind under one version of a policy."""

    source: str
    kind: str
    policy: str
    version: int


class Scope(NamedTuple):
    """What the policy's rule is for, `*` for all: names that an operator wrote, not a producer."""

    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a group's policy says, as its newest decision has it."""

    digest: str
    scope: Scope
    expected: PassRate | None
    scorers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One decision as the tables count it."""

    key: Key
    group: Group
    at: int  # decided_at, ms since 1970 UTC
    revision: int
    replaceable: bool  # a revision may come
    action: str
    cause: str
    flagged: bool
    score: float | None
    open_ms: int  # how long its window had been open when it was closed, in stream time
    items: Mapping[str, int]


def fact_of(decision: Decision) -> Fact:
    """Return what the tables count of a decision."""
    counts, rule = decision.counts, decision.policy.rule
    return Fact(
        key=(decision.parent_id, decision.window),
        group=Group(decision.source, decision.kind, decision.policy.name, decision.policy.version),
        at=decision.timings.decided_at,
        revision=decision.revision,
        replaceable=decision.revision > 0 or rule.late.rule == "revise",
        action=decision.action.value,
        cause=decision.cause,
        flagged=decision.review,
        score=decision.score,
        open_ms=max(0, decision.timings.closed_at - decision.timings.first_item_at),
        items={
            "scored": counts.scored,
            "failed": counts.failed,
            "skipped": counts.skipped,
            "missing": counts.missing,
            "remaining": counts.remaining,
            "late": counts.late,
            "duplicate": counts.duplicate,
        },
    )


def terms_of(decision: Decision) -> Terms:
    """Return what a decision's policy says of its group."""
    policy = decision.policy
    scope = Scope(policy.rule.kind, policy.rule.source)
    return Terms(policy.digest, scope, policy.rule.expected_pass_rate, decision.scorers)


class Totals:
    """Sums over decisions, from which one can be taken out again."""

    __slots__ = ("actions", "causes", "decisions", "flagged", "items", "open_ms", "revisions")

    def __init__(self) -> None:
        """Begin at 0."""
        self.decisions = self.flagged = self.revisions = self.open_ms = 0
        self.actions: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.items: Counter[str] = Counter()

    def count(self, fact: Fact, times: int = 1) -> None:
        """Count a decision; -1 times takes it out."""
        self.decisions += times
        self.flagged += times * fact.flagged
        self.revisions += times * (fact.revision > 0)
        self.open_ms += times * fact.open_ms
        self.actions[fact.action] += times
        self.causes[fact.cause] += times
        for name, number in fact.items.items():
            self.items[name] += times * number

    def add(self, other: Totals) -> None:
        """Add the sums of others."""
        self.decisions += other.decisions
        self.flagged += other.flagged
        self.revisions += other.revisions
        self.open_ms += other.open_ms
        self.actions.update(other.actions)
        self.causes.update(other.causes)
        self.items.update(other.items)
