"""The policy of a shadow: one for as long as its decider runs, whatever is activated meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy import policyfiles
from deploy.policy.book import Book
from deploy.policy.finder import PolicyFinder
from schemas.policy import Policy
from streams.policies import DocumentReader

_PATIENCE: Final = 10.0  # s


class PinnedFinder(PolicyFinder):
    """Finds one policy for every marker, so that the live ones in a partition change nothing."""

    def __init__(self, policy: Policy) -> None:
        """Pin a policy."""
        self._pinned = policy

    def find(self, name: str, version: int, digest: str) -> Policy:
        """Return the pinned policy, whichever is asked for."""
        del name, version, digest
        return self._pinned

    def in_force(self, partition: int, offset: int) -> str:
        """Return nothing: the decider's own policy is in force."""
        del partition, offset
        return ""


def pinned_policy(reader: DocumentReader, path: Path | None) -> Policy:
    """Return the policy of a shadow: that of a file, else the one that is active now, else the default.

    Raises:
        ConfigurationError: the file is no policy.
        KafkaException: the policies could not be read.
        NewerPolicyError: the active one was published by a newer Sluice.
    """
    if path is not None:
        return policyfiles.load(path)
    reader.refresh(_PATIENCE)
    book = Book.of(reader.documents.values())
    version = None if book.active is None else book.versions.get(book.active.record.reference)
    return policyfiles.load() if version is None else version.policy()
