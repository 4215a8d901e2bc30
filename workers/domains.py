"""Which encoder and head score which kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from schemas.heads import HeadManifest
from workers.encoders import Encoder, EncoderRegistry
from workers.heads import Head, HeadError
from workers.heads.store import read_manifest
from workers.metrics import METRIC_NAMES, METRICS_VERSION

SHARED: Mapping[str, str] = MappingProxyType({"image": "video-frame"})
"""Kinds without a head of their own, and whose they use."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The encoder and the head of a kind."""

    encoder: Encoder
    head: Head


def load_domains(folder: Path, encoders: EncoderRegistry, device: str) -> dict[str, Domain]:
    """Load every head in a folder of heads, with its encoder.

    Args:
        folder: One folder per head in it, with manifest.json and head.safetensors.
        encoders: Where encoders are loaded once.
        device: A torch device such as "cpu" or "cuda:0".

    Raises:
        HeadError: there is no head, two are for one kind, or one cannot be read or does not fit its encoder.
        EncoderError: an encoder is unknown or cannot be loaded.
    """
    domains: dict[str, Domain] = {}
    for path in sorted(folder.glob("*/manifest.json")):
        manifest = read_manifest(path.parent)
        if manifest.kind in domains:
            raise HeadError(f"two heads in {folder.name} are for {manifest.kind}; the second is {path.parent.name}")
        encoder = encoders.get(manifest.encoding.name, device)
        names = _metric_names(manifest)
        domains[manifest.kind] = Domain(encoder, Head.load(path.parent, encoder.encoding, names, METRICS_VERSION))
    if not domains:
        raise HeadError(f"no head lies in {folder}; `sluice train` makes them")
    for kind, owner in SHARED.items():
        if owner in domains:
            domains.setdefault(kind, domains[owner])
    return domains


def _metric_names(manifest: HeadManifest) -> tuple[str, ...]:
    """Return the names of the one family that has all of the head's metrics, or none: names of two do not mix."""
    return next((names for names in METRIC_NAMES.values() if set(manifest.metrics) <= set(names)), ())
