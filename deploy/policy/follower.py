"""Follows the policy that is in force, for workers: they apply its rules about single items."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException

from deploy.policy.book import Book, NewerPolicyError
from schemas.policy import Policy
from streams.gates import Notify
from streams.policies import DocumentReader
from workers.rulebook import PolicyRules

_EVERY: Final = 2.0  # s
_PATIENCE: Final = 10.0  # s
_CLOSE: Final = 5.0  # s


class PolicyFollower:
    """Looks every two seconds which policy was activated last, as long as the block lasts.

    A worker applies the rules of the policy that it knows when it begins an item, and says in its answer which that
    was. Failing to look never stops it: it goes on with the policy that it has.
    """

    def __init__(self, reader: DocumentReader, own: Policy, notify: Notify) -> None:
        """Begin with the worker's own policy; nothing is read before the block."""
        self.rules = PolicyRules(own)
        self._reader = reader
        self._notify = notify
        self._problem = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluice-policy", daemon=True)

    def __enter__(self) -> Self:
        """Look once, so that the first item is under the policy that is in force, and go on looking."""
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(_CLOSE)

    def look(self) -> None:
        """Look which policy is in force."""
        try:
            self._reader.refresh(_PATIENCE)
            self._follow(Book.of(self._reader.documents.values()))
        except (KafkaException, NewerPolicyError) as error:
            if str(error) != self._problem:
                self._notify("policy_not_followed", policy=self.rules.policy.reference, error=str(error))
            self._problem = str(error)
        else:
            self._problem = ""

    def _follow(self, book: Book) -> None:
        active = book.active
        version = None if active is None else book.versions.get(active.record.reference)
        if active is None or version is None or version.digest != active.record.digest:
            return
        known = self.rules.policy
        if (known.reference, known.digest()) != (version.reference, version.digest):
            self.rules.follow(version.policy())
            self._notify("policy_followed", policy=version.reference)

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY):
            self.look()
