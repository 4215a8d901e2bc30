"""Which policy version is in force in one partition, and which ones were since its oldest open window."""

from __future__ import annotations

from collections.abc import Callable

from aggregation.edition import Edition
from aggregation.lane import Lane
from aggregation.window import Window
from schemas import wire
from schemas.policy import Policy

FindPolicy = Callable[[str, int, str], Policy | None]
"""Returns a published policy by name, version and digest (empty: whichever), or None where there is none."""


class UnknownPolicyError(LookupError):
    """The policy that windows were opened under is not to be found."""


class Editions:
    """The policy versions of one partition: the decider's own, and those that markers in `scores` activate."""

    def __init__(self, own: Policy, find_policy: FindPolicy, resume_under: str = "") -> None:
        """Begin under the decider's own policy, or under a published one.

        Args:
            own: in force until another one is activated.
            find_policy: finds the policy that a marker activates.
            resume_under: name@version of the one that was in force where the records begin; empty: the own one.

        Raises:
            UnknownPolicyError: that one is not to be found.
        """
        self._find_policy = find_policy
        self._current = Edition("", own)
        self._known = {"": self._current}
        self._switches: list[tuple[int, Edition]] = []  # offsets of markers, from the low watermark on
        if resume_under:
            name, _, version = resume_under.rpartition("@")
            if not self._activate(name, int(version), ""):
                raise UnknownPolicyError(f"policy {resume_under} is not to be found")

    @property
    def name(self) -> str:
        """Name@version of the policy in force; empty for the decider's own."""
        return self._current.name

    def lane_of(self, kind: str, source: str, parent_id: str) -> Lane:
        """Return the lane of a parent under the policy in force."""
        return self._current.lane_of(kind, source, parent_id)

    def switch(self, marker: wire.PolicyActivated, offset: int) -> bool:
        """Put the policy of a marker in force; return whether there is one."""
        found = self._activate(marker.name, marker.version, marker.digest)
        if found:
            self._switches.append((offset, self._current))
        return found

    def were_cut_otherwise(self, window: Window) -> bool:
        """Whether a policy has been in force since a window was opened that has other windows: items went to those."""
        return any(
            edition.lane_of(window.kind, window.source, window.parent_id).terms.window != window.lane.terms.window
            for offset, edition in self._switches
            if offset > window.first_offset
        )

    def forget(self, low_watermark: int) -> None:
        """Let go of the switches before an offset: no open window is older."""
        if self._switches:
            self._switches = [switch for switch in self._switches if switch[0] >= low_watermark]

    def _activate(self, name: str, version: int, digest: str) -> bool:
        reference = f"{name}@{version}"
        edition = self._known.get(reference)
        if edition is None:
            policy = self._find_policy(name, version, digest)
            if policy is None:
                return False
            edition = self._known[reference] = Edition(reference, policy)
        self._current = edition
        return True
