"""Gates that follow the policies on the topic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from aggregation import PartitionGate
from aggregation.verdict import Unreadable
from deploy.policy.finder import PolicyFinder
from schemas.checkpoint import Checkpoint
from schemas.policy import Policy
from streams.gates import Notify


class PolicyGate(PartitionGate):
    """A gate that tells when another policy comes into force in its partition."""

    def __init__(
        self,
        partition: int,
        own: Policy,
        resume: Checkpoint,
        finder: PolicyFinder,
        notify: Notify,
        *,
        most_bytes: int | None = None,
    ) -> None:
        """Make the gate of a partition.

        Args:
            partition: its number.
            own: the policy until one is activated.
            resume: where to begin.
            finder: finds what markers activate.
            notify: told `policy_activated`.
            most_bytes: what its windows and remembered decisions may take, about; None: no bound.

        Raises:
            UnknownPolicyError: the policy that was in force where `resume` begins is not to be found.
            KafkaException: the policies could not be read now.
        """
        super().__init__(partition, own, resume, find_policy=finder.find, most_bytes=most_bytes)
        self._number = partition
        self._notify = notify

    def apply(self, records: Iterable[tuple[int, bytes | None]], now: int) -> list[Unreadable]:
        """Take records, as the gate does."""
        before = self.policy
        unreadable = super().apply(records, now)
        if self.policy != before:
            self._notify("policy_activated", partition=self._number, policy=self.policy, position=self.position)
        return unreadable


class GateMaker:
    """Makes the gate of each partition that the decider is given."""

    def __init__(self, own: Policy, finder: PolicyFinder, notify: Notify, *, most_bytes: int | None = None) -> None:
        """Make none yet. `most_bytes` is what each may take, about; None: no bound."""
        self._own = own
        self._most_bytes = most_bytes
        self._finder = finder
        self._notify = notify

    def make(self, partition: int, start_at: Checkpoint) -> PolicyGate:
        """Make a gate, under the policy that was in force where it begins.

        Where nothing was committed, or retention has deleted scores and with them perhaps markers, the checkpoint does
        not say which that was; the activations do.

        Raises:
            UnknownPolicyError: the policy that was in force is not to be found.
            KafkaException: the policies could not be read now.
        """
        if start_at.low_watermark and not start_at.policy:
            start_at = replace(start_at, policy=self._finder.in_force(partition, start_at.low_watermark))
        return PolicyGate(partition, self._own, start_at, self._finder, self._notify, most_bytes=self._most_bytes)
