"""Candidate heads that score beside the live ones, from the same embeddings: in shadow, or for an arm of an experiment.

A candidate needs no encoder call of its own, so it must have been trained on the very encoder that is live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.experiments import Arm, arm_of
from workers.domains import Domain, versions_for
from workers.heads import Head, HeadError
from workers.heads.store import MANIFEST, read_manifest
from workers.metrics import MetricSet


@dataclass(frozen=True, slots=True)
class Candidate:
    """The heads of one candidate, by the kind that their manifests name. What it has none for the live head scores."""

    name: str
    heads: Mapping[str, Head]


@dataclass(frozen=True, slots=True)
class Split:
    """A candidate that scores the parents of one arm."""

    candidate: Candidate
    share: float

    def has(self, parent_id: str) -> bool:
        """Whether a parent is in its arm."""
        return arm_of(self.candidate.name, self.share, parent_id) is Arm.CANDIDATE


@dataclass(frozen=True, slots=True)
class Candidates:
    """All candidates of a worker."""

    shadows: Sequence[Candidate] = ()
    split: Split | None = None
    outlived: set[str] = field(default_factory=set)  # names of those whose encoder is not the live one any more

    def live_head(self, domain: Domain, parent_id: str) -> Head:
        """Return the head whose score goes out: the live one, or in the candidate's arm that of the candidate."""
        split = self.split
        head = None if split is None else split.candidate.heads.get(domain.head.manifest.kind)
        if split is None or head is None or not split.has(parent_id) or not self._fits(split.candidate, head, domain):
            return domain.head
        return head

    def shadow_heads(self, domain: Domain) -> dict[str, Head | None]:
        """Return the heads in shadow for a kind, by the candidates' names; None where it cannot be used any more."""
        found = {one.name: (one, one.heads.get(domain.head.manifest.kind)) for one in self.shadows}
        return {
            name: head if self._fits(one, head, domain) else None
            for name, (one, head) in found.items()
            if head is not None
        }

    def _fits(self, candidate: Candidate, head: Head, domain: Domain) -> bool:
        """Whether the live encoder is that of a candidate's head: a live head may be replaced while it runs."""
        if head.manifest.encoding == domain.encoder.encoding:
            return True
        self.outlived.add(candidate.name)
        return False


def load_candidate(name: str, folder: Path, domains: Mapping[str, Domain], metrics: MetricSet) -> Candidate:
    """Load the heads of a candidate.

    Args:
        name: of the candidate.
        folder: of one head, or with a folder per head in it.
        domains: what is live, by kind; their encoders are the candidate's.
        metrics: what is measured.

    Raises:
        HeadError: there is no head, two are for one kind, one is for a kind without a live head, or one cannot be read
            or was trained on another encoder or other metrics.
    """
    heads: dict[str, Head] = {}
    alone = folder / MANIFEST
    for path in [alone] if alone.is_file() else sorted(folder.glob(f"*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        domain = domains.get(manifest.kind)
        if domain is None:
            raise HeadError(f"candidate {name} is for {manifest.kind}, and no live head is")
        if manifest.kind in heads:
            raise HeadError(f"two heads of candidate {name} are for {manifest.kind}; the second is {path.parent.name}")
        heads[manifest.kind] = Head.load(path.parent, domain.encoder.encoding, versions_for(manifest, metrics))
    if not heads:
        raise HeadError(f"no head lies in {folder}; `sluice train` makes them")
    return Candidate(name, heads)
