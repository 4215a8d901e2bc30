"""Which encoder and head score which kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.heads import HeadManifest
from workers.allocator import keep_freed_memory
from workers.encoders import Encoder, EncoderRegistry
from workers.heads import Head, HeadError
from workers.heads.store import MANIFEST, read_manifest
from workers.kinds import SHARED
from workers.metrics import MetricSet
from workers.metrics.measure import FAMILY_OF
from workers.metrics.plugins import metric_set


@dataclass(frozen=True, slots=True)
class Domain:
    """The encoder and the head of a kind."""

    encoder: Encoder
    head: Head


def load_domains(
    folder: Path, encoders: EncoderRegistry, device: str, metrics: MetricSet | None = None
) -> dict[str, Domain]:
    """Load every head in a folder of heads, with its encoder. On a CPU, the process keeps memory for them from here on.

    Args:
        folder: One folder per head in it, with manifest.json and head.safetensors; or the folder of one head.
        encoders: Where encoders are loaded once.
        device: A torch device such as "cpu" or "cuda:0".
        metrics: What is measured; None for the usual ones.

    Raises:
        HeadError: there is no head, two are for one kind, or one cannot be read or does not fit its encoder.
        EncoderError: an encoder is unknown or cannot be loaded.
    """
    if device == "cpu":
        keep_freed_memory()
    measured = metrics or metric_set()
    domains: dict[str, Domain] = {}
    alone = folder / MANIFEST  # of a head itself: what `sluice train` has written
    for path in [alone] if alone.is_file() else sorted(folder.glob(f"*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        if manifest.kind in domains:
            raise HeadError(f"two heads in {folder.name} are for {manifest.kind}; the second is {path.parent.name}")
        encoder = encoders.get(manifest.encoding.name, device)
        head = Head.load(path.parent, encoder.encoding, versions_for(manifest, measured))
        domains[manifest.kind] = Domain(encoder, head)
    if not domains:
        raise HeadError(f"no head lies in {folder}; `sluice train` makes them")
    for kind, owner in SHARED.items():
        if owner in domains:
            domains.setdefault(kind, domains[owner])
    return domains


def versions_for(manifest: HeadManifest, measured: MetricSet) -> dict[str, str]:
    """Return the metrics of the one family that the head's kind has, or else of one that has all of the head's."""
    if manifest.kind in FAMILY_OF:
        return measured.versions(FAMILY_OF[manifest.kind])
    families = (measured.versions(family) for family in sorted(set(FAMILY_OF.values())))
    return next((versions for versions in families if set(manifest.metrics) <= set(versions)), {})
