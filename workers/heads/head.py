from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schemas.heads import Encoding, HeadManifest
from workers.heads.errors import HeadMismatchError, NonFiniteError
from workers.heads.features import Features
from workers.heads.networks import Network, network_of, sigmoid
from workers.heads.reasons import reasons
from workers.heads.store import features_of, read_manifest, read_tensors


class Head:
    """A trained head. It keeps no state between calls, so threads may share it."""

    def __init__(self, manifest: HeadManifest, features: Features, network: Network) -> None:
        self.manifest = manifest
        self._features = features
        self._network = network
        self.scorer_digest = _scorer_digest(manifest)

    @classmethod
    def load(cls, folder: Path, encoding: Encoding, metric_names: Sequence[str], metrics_version: str) -> Self:
        """Read a head for features that are made in this way.

        Args:
            folder: Holds manifest.json and head.safetensors.
            encoding: Of the encoder that will make the embeddings.
            metric_names: The metrics that there are.
            metrics_version: Their version.

        Raises:
            HeadError: the files cannot be read or contradict each other.
            HeadMismatchError: the head was trained with another encoder or other metrics.
        """
        manifest = read_manifest(folder)
        _check_encoding(manifest.encoding, encoding)
        if manifest.metrics_version != metrics_version or not set(manifest.metrics) <= set(metric_names):
            unknown = sorted(set(manifest.metrics) - set(metric_names))
            raise HeadMismatchError(
                f"head {manifest.name} needs metrics version {manifest.metrics_version}, here is {metrics_version}; "
                f"metrics that are not here: {', '.join(unknown) or 'none'}"
            )
        if manifest.fusion != "blocks":
            raise HeadMismatchError(
                f"head {manifest.name} uses fusion {manifest.fusion!r}, this version knows 'blocks'"
            )
        tensors = read_tensors(folder, manifest.weights_sha256)
        features = features_of(tensors, encoding.dimension, len(manifest.metrics))
        return cls(manifest, features, network_of(manifest.model, tensors, features.width))

    @property
    def calibrated(self) -> bool:
        """True where a score is a probability."""
        return self.manifest.calibrated

    def vector(self, metrics: Mapping[str, float]) -> NDArray[np.float64]:
        """Return an item's metrics in the order of the manifest, float64 (m,)."""
        return np.array([metrics[name] for name in self.manifest.metrics], dtype=np.float64)

    def logits(self, embeddings: NDArray[np.float32], metrics: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n,) logits of embeddings (n, d) and metrics (n, m).

        Raises:
            NonFiniteError: rows of the input or of the logits are not finite.
        """
        finite = np.isfinite(embeddings).all(axis=1) & np.isfinite(metrics).all(axis=1)
        if not finite.all():
            raise NonFiniteError(np.flatnonzero(~finite).tolist())
        logits = self._network.logits(self._features.fuse(embeddings, metrics))
        if not np.isfinite(logits).all():
            raise NonFiniteError(np.flatnonzero(~np.isfinite(logits)).tolist())
        return logits

    def score(self, embeddings: NDArray[np.float32], metrics: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n,) scores in [0,1] of embeddings (n, d) and metrics (n, m).

        Raises:
            NonFiniteError: rows of the input or of the logits are not finite; no row is scored then.
        """
        return sigmoid(self.logits(embeddings, metrics))

    def reasons(self, score: float, metrics: NDArray[np.float64]) -> tuple[str, ...]:
        """Return up to three codes for why a score is low; see workers/heads/reasons.py for the rule."""
        return reasons(score, self.manifest.metrics, self._features.excess(metrics))


def _check_encoding(wanted: Encoding, present: Encoding) -> None:
    different = [name for name in Encoding.model_fields if getattr(wanted, name) != getattr(present, name)]
    if different:
        shown = ", ".join(f"{name} {getattr(wanted, name)!r}, not {getattr(present, name)!r}" for name in different)
        raise HeadMismatchError(f"the head was trained on an encoder with {shown}")


def _scorer_digest(manifest: HeadManifest) -> str:
    """Return the SHA-256 of all that a score depends on, and of nothing else that a manifest says."""
    parts = [
        manifest.encoding.digest(),
        manifest.metrics,
        manifest.metrics_version,
        manifest.fusion,
        manifest.model,
        manifest.weights_sha256,
    ]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
