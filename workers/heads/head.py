from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schemas.heads import Encoding, HeadManifest
from workers.heads.calibrators import Calibrator, calibrator_of
from workers.heads.defects import Defects, defects_of
from workers.heads.errors import HeadError, HeadMismatchError, NonFiniteError
from workers.heads.features import Features
from workers.heads.networks import Network, late_network_of, network_of, sigmoid
from workers.heads.reasons import LOW_SCORE, reasons
from workers.heads.store import features_of, read_manifest, read_tensors


class Head:
    """A trained head. It keeps no state between calls, so threads may share it."""

    def __init__(
        self,
        manifest: HeadManifest,
        features: Features,
        network: Network,
        calibrator: Calibrator | None = None,
        defects: Defects | None = None,
    ) -> None:
        self.manifest = manifest
        self._features = features
        self._network = network
        self._calibrator = calibrator
        self._defects = defects
        self.scorer_digest = _scorer_digest(manifest)

    @classmethod
    def load(cls, folder: Path, encoding: Encoding, metrics: Mapping[str, str]) -> Self:
        """Read a head for features that are made in this way.

        Args:
            folder: Holds manifest.json and head.safetensors.
            encoding: Of the encoder that will make the embeddings.
            metrics: The version of each metric that there is, by name.

        Raises:
            HeadError: the files cannot be read or contradict each other.
            HeadMismatchError: the head was trained with another encoder or other metrics.
        """
        manifest = read_manifest(folder)
        _check_encoding(manifest.encoding, encoding)
        _check_metrics(manifest, metrics)
        return cls.of(manifest, read_tensors(folder, manifest.weights_sha256))

    @classmethod
    def of(cls, manifest: HeadManifest, tensors: dict[str, NDArray[np.float64]]) -> Self:
        """Return the head whose tensors these are.

        Raises:
            HeadError: they contradict the manifest.
        """
        features = features_of(tensors, manifest.encoding.dimension, len(manifest.metrics))
        calibration, names = manifest.calibration, [one.name for one in manifest.defects]
        if manifest.calibrated is not (calibration is not None):
            raise HeadError(f"head {manifest.name} says calibrated: {manifest.calibrated}, and its calibrator says not")
        return cls(
            manifest,
            features,
            _network_of(manifest, tensors, features),
            None if calibration is None else calibrator_of(calibration.method, tensors),
            defects_of(names, tensors, features.width) if names else None,
        )

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

        With a calibrator these are probabilities; without one they are the sigmoids of the logits, and are not.

        Raises:
            NonFiniteError: rows of the input or of the logits are not finite; no row is scored then.
        """
        logits = self.logits(embeddings, metrics)
        return sigmoid(logits) if self._calibrator is None else self._calibrator.probabilities(logits)

    def defects(self, embeddings: NDArray[np.float32], metrics: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return (n,) scores in [0,1] of each defect that the head has learnt, by name; empty where it has learnt none.

        Args:
            embeddings: float32 (n, d), finite.
            metrics: float64 (n, m), finite.
        """
        if self._defects is None:
            return {}
        found = self._defects.scores(self._features.fuse(embeddings, metrics))
        return dict(zip(self._defects.names, found.T, strict=True))

    def reasons(
        self, score: float, metrics: NDArray[np.float64], embedding: NDArray[np.float32] | None = None
    ) -> tuple[str, ...]:
        """Return up to three codes for why a score is low; see workers/heads/reasons.py for the rule.

        Args:
            score: The item's score.
            metrics: float64 (m,).
            embedding: float32 (d,), which defects that were learnt need; without it the metrics alone have a vote.
        """
        excess = self._features.excess(metrics)
        if self._defects is None or embedding is None or score >= LOW_SCORE:
            return reasons(score, self.manifest.metrics, excess)
        likely = self._defects.likely(self._features.fuse(embedding[None], metrics[None])[0])
        return reasons(score, self.manifest.metrics, excess, likely, self._defects.names)


def _network_of(manifest: HeadManifest, tensors: dict[str, NDArray[np.float64]], features: Features) -> Network:
    if manifest.fusion == "late":
        return late_network_of(manifest.model, tensors, features.projection.shape[1], features.width)
    return network_of(manifest.model, tensors, features.width)


def _check_encoding(wanted: Encoding, present: Encoding) -> None:
    different = [name for name in Encoding.model_fields if getattr(wanted, name) != getattr(present, name)]
    if different:
        shown = ", ".join(f"{name} {getattr(wanted, name)!r}, not {getattr(present, name)!r}" for name in different)
        raise HeadMismatchError(f"the head was trained on an encoder with {shown}")


def _check_metrics(manifest: HeadManifest, present: Mapping[str, str]) -> None:
    """Refuse a head one of whose metrics is not measured here, or is measured in another version."""
    wanted = manifest.versions()
    absent = sorted(name for name in wanted if name not in present)
    if absent:
        raise HeadMismatchError(f"head {manifest.name} needs metrics that are not here: {', '.join(absent)}")
    other = [f"{name} {version}, not {present[name]}" for name, version in wanted.items() if present[name] != version]
    if other:
        raise HeadMismatchError(f"head {manifest.name} needs other versions of metrics: {', '.join(other)}")


def _scorer_digest(manifest: HeadManifest) -> str:
    """Return the SHA-256 of all that a score depends on, and of nothing else that a manifest says."""
    parts = [
        manifest.encoding.digest(),
        manifest.metrics,
        manifest.metrics_version,
        manifest.fusion,
        manifest.model,
        manifest.weights_sha256,
        *([manifest.metric_versions] if manifest.metric_versions else []),
    ]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
