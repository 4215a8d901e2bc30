"""The policy versions on the topic `policies`, and which of them was activated when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import PrivateAttr, ValidationError

from schemas.activation import PolicyActivation
from schemas.policy import Policy
from streams.policies import Document


class NewerPolicyError(ValueError):
    """A policy was published by a newer Sluice, with fields that this one does not know."""


class PublishedPolicy(Policy):
    """A policy as it lies on its topic. Its digest stays that of its publication, whatever fields are added later."""

    _digest: str = PrivateAttr("")

    @classmethod
    def of(cls, value: bytes) -> PublishedPolicy:
        """Read a document of the topic.

        Raises:
            NewerPolicyError: it is none that this version of Sluice can read.
        """
        try:
            policy = cls.model_validate_json(value)
        except ValidationError as error:
            raise NewerPolicyError(f"{error.error_count()} fields cannot be read") from error
        policy._digest = digest_of(value)  # noqa: SLF001 - its own
        return policy

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON as it was published."""
        return self._digest


def digest_of(value: bytes) -> str:
    """Return the SHA-256 of a document's canonical JSON, as `Document.digest` has it; empty where it is no JSON."""
    try:
        canonical = json.dumps(json.loads(value), sort_keys=True, separators=(",", ":"))
    except ValueError:
        return ""
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one policy. `at` is the broker's time of its publication, in ms since 1970."""

    name: str
    version: int
    digest: str
    at: int
    value: bytes

    @property
    def reference(self) -> str:
        """Name and version, as in `night@3`."""
        return f"{self.name}@{self.version}"

    def policy(self) -> PublishedPolicy:
        """Return the document.

        Raises:
            NewerPolicyError: this version of Sluice cannot read it.
        """
        return PublishedPolicy.of(self.value)


@dataclass(frozen=True, slots=True)
class Activation:
    """A version that was put in force, and when, in ms since 1970 by the broker."""

    record: PolicyActivation
    at: int


@dataclass(frozen=True, slots=True)
class Book:
    """What the topic holds at one moment."""

    versions: dict[str, Version] = field(default_factory=dict)  # by name@version, in the order of publication
    activations: Sequence[Activation] = ()  # in their order

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Book:
        """Sort the documents of the topic; those of somebody else are passed over."""
        versions: dict[str, Version] = {}
        activations = []
        for one in documents:
            name, at_sign, number = one.key.rpartition("@")
            if at_sign and number.isdecimal() and number.isascii():
                versions[one.key] = Version(name, int(number), digest_of(one.value), one.at, one.value)
                continue
            try:
                activations.append(Activation(PolicyActivation.model_validate_json(one.value), one.at))
            except ValidationError:
                continue
        return cls(versions, sorted(activations, key=lambda activation: activation.record.sequence))

    @property
    def active(self) -> Activation | None:
        """The last activation; None where the deciders still go by their own policy."""
        return self.activations[-1] if self.activations else None

    @property
    def next_sequence(self) -> int:
        """The number of the next activation."""
        return self.active.record.sequence + 1 if self.active else 1

    def of_name(self, name: str) -> list[Version]:
        """Return the versions of one policy, the oldest first."""
        return sorted((one for one in self.versions.values() if one.name == name), key=lambda one: one.version)

    def next_version(self, name: str) -> int:
        """Return the first number that is free, above all that are taken."""
        return max((one.version for one in self.of_name(name)), default=0) + 1

    def before(self) -> str | None:
        """Return the reference that a rollback leads to: undone activations are not counted, nor is the undoing."""
        stack: list[str] = []
        for activation in self.activations:
            reference = activation.record.reference
            stack = stack[: stack.index(reference)] if reference in stack else stack
            stack.append(reference)
        return stack[-2] if len(stack) > 1 else None

    def in_force(self, partition: int, offset: int) -> str | None:
        """Return the reference whose marker comes last before an offset of a partition of `scores`, where one does.

        A version whose document is gone, or was replaced, is passed over, as deciders pass over its marker.
        """
        for activation in reversed(self.activations):
            record = activation.record
            version = self.versions.get(record.reference)
            if version is None or version.digest != record.digest:
                continue
            if partition < len(record.markers) and record.markers[partition] < offset:
                return record.reference
        return None
