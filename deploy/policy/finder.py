"""Finds the policies that markers in `scores` activate: for gates, on the thread of the decider's loop."""

from __future__ import annotations

from deploy.policy.book import Book, NewerPolicyError, PublishedPolicy, Version
from schemas.policy import Policy
from streams.policies import DocumentReader

_PATIENCE = 4.0  # s for one search; the loop does nothing else meanwhile, and tries again after it


class PolicyFinder:
    """Holds what the topic `policies` has, and reads on when something is asked for that is not there."""

    def __init__(self, reader: DocumentReader) -> None:
        """Read nothing yet."""
        self._reader = reader
        self._book = Book()
        self._read: dict[str, tuple[str, PublishedPolicy]] = {}  # by reference, with its digest

    def find(self, name: str, version: int, digest: str) -> Policy | None:
        """Return a version of a policy; the gate's `FindPolicy`.

        Args:
            name: of the policy.
            version: of it.
            digest: that it must have; empty for whichever.

        Returns:
            It, or None where the whole topic was read and has no such document, or one with another digest.

        Raises:
            KafkaException: the topic could not be read to its end now.
            NewerPolicyError: it is there, and this version of Sluice cannot read it.
        """
        reference = f"{name}@{version}"
        found = self._held(reference, digest)
        if found is None:
            self._refresh()
            found = self._held(reference, digest)
        return found

    def in_force(self, partition: int, offset: int) -> str:
        """Return the reference that was in force before an offset of `scores`; empty for the decider's own policy.

        For a reader that cannot know by itself: retention has deleted the markers that it would have read.

        Raises:
            KafkaException: the topic could not be read to its end now.
        """
        self._refresh()
        return self._book.in_force(partition, offset) or ""

    def _held(self, reference: str, digest: str) -> Policy | None:
        version = self._book.versions.get(reference)
        if version is None or digest not in {"", version.digest}:
            return None
        known = self._read.get(reference)
        if known is not None and known[0] == version.digest:
            return known[1]
        policy = _policy(version)
        self._read[reference] = (version.digest, policy)
        return policy

    def _refresh(self) -> None:
        self._reader.refresh(_PATIENCE)
        self._book = Book.of(self._reader.documents.values())


def _policy(version: Version) -> PublishedPolicy:
    try:
        policy = version.policy()
    except NewerPolicyError as error:
        raise NewerPolicyError(
            f"policy {version.reference} was activated and cannot be read here ({error}): it was published by another"
            " version of Sluice. Update this decider, or activate a version that both can read"
        ) from error
    return policy
