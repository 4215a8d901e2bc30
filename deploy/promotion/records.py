"""The records of promotions and rollbacks. Pure, but for the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from deploy.policy.publication import Activated
from deploy.promotion.candidate import HeadCandidate
from deploy.promotion.live import Live, in_force
from schemas.releases import AuditEntry, Evidence, HeadReleased, InForce, What

_NAMESPACE = uuid5(NAMESPACE_URL, "https://sluice.org/audit/v1")


@dataclass(frozen=True, slots=True)
class Person:
    """Who does it, and why."""

    who: str
    why: str


@dataclass(slots=True)
class Sheet:
    """What one command is to write."""

    live: Live
    person: Person
    evidence: Evidence = field(default_factory=Evidence)
    command: str = field(default_factory=lambda: str(uuid4()))
    entries: list[AuditEntry] = field(default_factory=list)
    releases: list[HeadReleased] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def policy(self, done: Activated, undoes: AuditEntry | None = None) -> None:
        """Note that a policy version was activated, unless the audit says so already."""
        self.warnings += done.warnings
        book = self.live.book
        if done.activation is not None:
            sequence, before = done.activation.sequence, self.live.version
        else:  # an earlier command was interrupted before its entry was written
            sequence, before = book.next_sequence - 1, self.live.previous
        number = str(uuid5(_NAMESPACE, f"policy/{sequence}"))
        if before is None or any(one.id == number for one in self.live.ledger.entries):
            return
        self._enter(number, "policy", in_force(before), in_force(done.version), undoes=undoes)

    def head(self, head: HeadCandidate) -> None:
        """Release a head, unless it is in force."""
        if self.live.ledger.head(head.kind) != head.in_force:
            self._release(head.kind, head.in_force, None)

    def head_again(self, undoes: AuditEntry) -> None:
        """Release the head that was in force before a promotion, or the workers' own."""
        self._release(str(undoes.kind), undoes.before, undoes)

    def _release(self, kind: str, after: InForce | None, undoes: AuditEntry | None) -> None:
        named: dict[str, Any] = {}
        if after is not None:
            named = {"head": after.digest, "scorer": after.scorer, "name": after.name}
        own = self.person
        self.releases.append(HeadReleased(kind=kind, who=own.who, why=own.why, at=_now(), **named))
        ledger = self.live.ledger
        number = str(uuid5(_NAMESPACE, f"head/{kind}/{len(ledger.of(f'head/{kind}')) + 1}"))
        self._enter(number, "head", ledger.head(kind), after, undoes=undoes, kind=kind)

    def _enter(
        self,
        number: str,
        what: What,
        before: InForce | None,
        after: InForce | None,
        *,
        undoes: AuditEntry | None,
        kind: str | None = None,
    ) -> None:
        entry = AuditEntry(
            id=number,
            command=self.command,
            action="promotion" if undoes is None else "rollback",
            what=what,
            kind=kind,
            before=before,
            after=after,
            undoes=None if undoes is None else undoes.id,
            who=self.person.who,
            why=self.person.why,
            evidence=self.evidence,
            at=_now(),
        )
        self.entries.append(entry)


def _now() -> int:
    return time.time_ns() // 1_000_000
