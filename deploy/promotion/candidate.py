"""What is to be promoted: a policy file, the folder of a head, or both together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy import policyfiles
from deploy.errors import ConfigurationError
from deploy.promotion.store import StoreError, digest_of
from schemas.heads import HeadManifest
from schemas.policy import Policy
from schemas.releases import InForce
from workers.heads import Head, HeadError
from workers.heads.store import read_manifest, read_tensors


@dataclass(frozen=True, slots=True)
class HeadCandidate:
    """A head in its folder, whose files agree with its manifest."""

    folder: Path
    manifest: HeadManifest
    digest: str  # of the folder
    scorer: str  # that its scores carry

    @property
    def kind(self) -> str:
        """What it scores."""
        return self.manifest.kind

    @property
    def in_force(self) -> InForce:
        """The head as entries of the audit name it."""
        return InForce(name=self.manifest.name, digest=self.digest, scorer=self.scorer)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy, a head, or a pair of both that was judged together."""

    policy: Policy | None = None
    head: HeadCandidate | None = None

    @property
    def numbered(self) -> bool:
        """Whether the policy's document names its version; else it gets the next one that is free."""
        return self.policy is not None and "version" in self.policy.model_fields_set


def candidate_of(policy: Path | None, head: Path | None) -> Candidate:
    """Read a candidate from its files.

    Raises:
        ConfigurationError: none is named, or one cannot be read.
    """
    if policy is None and head is None:
        raise ConfigurationError("nothing to promote: name a policy (--policy FILE), a head (--head FOLDER), or both")
    return Candidate(None if policy is None else policyfiles.load(policy), None if head is None else _head(head))


def _head(folder: Path) -> HeadCandidate:
    try:
        manifest = read_manifest(folder)
        head = Head.of(manifest, read_tensors(folder, manifest.weights_sha256))
        return HeadCandidate(folder, manifest, digest_of(folder), head.scorer_digest)
    except HeadError as error:
        raise ConfigurationError(f"--head: {error}") from error
    except StoreError as error:
        raise ConfigurationError(
            f"--head: {error}. A head needs canaries before it is promoted: sluice canary record --heads {folder}"
        ) from error
