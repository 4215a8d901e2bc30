"""What is in force, and what put it there, as the topics have it at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from deploy.policy.book import Book, Version
from schemas.alarms import RiskAlarm
from schemas.policy import Policy
from schemas.releases import AuditEntry, HeadReleased, InForce
from streams.policies import Document


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every promotion and rollback, in their order, and the newest release of each kind."""

    entries: tuple[AuditEntry, ...] = ()
    releases: Mapping[str, HeadReleased] = field(default_factory=dict)

    @property
    def scorers(self) -> dict[str, str]:
        """The scorer of each kind whose head is released."""
        return {kind: one.scorer for kind, one in self.releases.items() if one.scorer}

    def standing(self) -> list[AuditEntry]:
        """Return the promotions that were not undone, the oldest first."""
        undone = {one.undoes for one in self.entries}
        return [one for one in self.entries if one.action == "promotion" and one.id not in undone]

    def of(self, subject: str) -> list[AuditEntry]:
        """Return all entries of one subject."""
        return [one for one in self.entries if one.subject == subject]

    def head(self, kind: str) -> InForce | None:
        """Return the head that is released for a kind; None: the workers' own."""
        release = self.releases.get(kind)
        if release is None or release.head is None:
            return None
        return InForce(name=release.name or kind, digest=release.head, scorer=release.scorer)


@dataclass(frozen=True, slots=True)
class Live:
    """The ledger, the policies, and the calibrations that audits have refuted, by the digests of their labels."""

    book: Book
    ledger: Ledger
    refuted: frozenset[str] = frozenset()

    @property
    def version(self) -> Version | None:
        """The policy version in force; None where the deciders go by their own."""
        active = self.book.active
        return None if active is None else self.book.versions.get(active.record.reference)

    @property
    def previous(self) -> Version | None:
        """The policy version that was in force before that one; None where there was none."""
        earlier = self.book.activations[-2:-1]
        return self.book.versions.get(earlier[0].record.reference) if earlier else None

    def before(self, candidate: Policy | None) -> Policy | None:
        """Return the policy that a candidate replaces: the one in force, or where it is that, the one before, if any.

        Args:
            candidate: a policy; None: the one in force stays.

        Raises:
            NewerPolicyError: this version of Sluice cannot read it.
        """
        version = self.version
        found = None if version is None else version.policy()
        if found is None or candidate is None or _content(found) != _content(candidate):
            return found
        return found if self.previous is None else self.previous.policy()


def ledger_of(audit: Iterable[bytes], releases: Iterable[Document]) -> Ledger:
    """Sort records of the topics `audit` and `releases`; those of somebody else are passed over.

    An entry that was written twice counts once.
    """
    entries: dict[str, AuditEntry] = {}
    for value in audit:
        try:
            entry = AuditEntry.model_validate_json(value)
        except ValidationError:
            continue
        entries.setdefault(entry.id, entry)
    return Ledger(tuple(entries.values()), releases_of(releases))


def refuted_of(alarms: Iterable[bytes]) -> frozenset[str]:
    """Return the digests of the labels of calibrations that an alarm is about; other records are passed over."""
    found = set()
    for value in alarms:
        try:
            found.add(RiskAlarm.model_validate_json(value).calibration)
        except ValidationError:
            continue  # an alarm of a pass rate, or of somebody else
    return frozenset(one for one in found if one is not None)


def releases_of(documents: Iterable[Document]) -> dict[str, HeadReleased]:
    """Return the newest release of each kind."""
    found: dict[str, HeadReleased] = {}
    for one in documents:
        try:
            release = HeadReleased.model_validate_json(one.value)
        except ValidationError:
            continue
        found[release.kind] = release
    return found


def _content(policy: Policy) -> dict[str, Any]:
    return policy.model_dump(exclude={"version"})


def in_force(version: Version | None) -> InForce | None:
    """Return a policy version as entries of the audit name it."""
    return None if version is None else InForce(name=version.reference, digest=version.digest)
