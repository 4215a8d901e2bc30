"""A head's folder: manifest.json and head.safetensors. No pickles: weights must not be able to run code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy

from schemas.heads import SINCE_FORMAT_2, HeadManifest
from workers.heads.calibrators import Calibrator
from workers.heads.defects import Defects
from workers.heads.errors import HeadError
from workers.heads.features import Features
from workers.heads.networks import Network

MANIFEST = "manifest.json"
WEIGHTS = "head.safetensors"
_LARGEST_BYTES = 64 * 2**20
_FEATURES = ("mean", "projection", "centre", "scale", "low", "high")


def read_manifest(folder: Path) -> HeadManifest:
    """Read a head's manifest.

    Raises:
        HeadError: it is missing or not valid.
    """
    try:
        return HeadManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise HeadError(f"{folder.name}/{MANIFEST} cannot be read: {error}") from error


def read_tensors(folder: Path, sha256: str) -> dict[str, NDArray[np.float64]]:
    """Read a head's weights as float64, checking the very bytes that are read.

    Raises:
        HeadError: they are missing, too large, no safetensors, not finite or not those of the manifest.
    """
    path = folder / WEIGHTS
    try:
        size = path.stat().st_size
        value = path.read_bytes() if size <= _LARGEST_BYTES else b""
    except OSError as error:
        raise HeadError(f"{folder.name}/{WEIGHTS} cannot be read: {error.strerror}") from error
    if not value:
        raise HeadError(f"{folder.name}/{WEIGHTS} has {size} bytes: 1 to {_LARGEST_BYTES} are allowed")
    if hashlib.sha256(value).hexdigest() != sha256:
        raise HeadError(f"{folder.name}/{WEIGHTS} is not the file that the manifest describes: its SHA-256 differs")
    return unpacked(value, f"{folder.name}/{WEIGHTS}")


def unpacked(value: bytes, name: str = WEIGHTS) -> dict[str, NDArray[np.float64]]:
    """Return a head's weights as float64.

    Raises:
        HeadError: they are no safetensors, or not finite.
    """
    try:
        tensors = safetensors_numpy.load(value)
    except SafetensorError as error:
        raise HeadError(f"{name} is no safetensors file: {error}") from error
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise HeadError(f"{name} holds NaN or infinity")
    return {name: tensor.astype(np.float64) for name, tensor in tensors.items()}


def features_of(tensors: dict[str, NDArray[np.float64]], dimension: int, metrics: int) -> Features:
    """Return the fusion part of a head's tensors.

    Raises:
        HeadError: a tensor is missing or does not fit the dimension or the count of metrics.
    """
    try:
        features = Features(*(tensors[f"features.{name}"] for name in _FEATURES))
    except KeyError as error:
        raise HeadError(f"{WEIGHTS} lacks {error.args[0]}") from error
    own = (features.centre, features.scale, features.low, features.high)
    if features.mean.shape != (dimension,) or features.projection.shape[:1] != (dimension,):
        raise HeadError(f"{WEIGHTS} was made for embeddings of {features.mean.shape[0]} numbers, not {dimension}")
    if any(tensor.shape != (metrics,) for tensor in own) or not (features.scale > 0).all():
        raise HeadError(f"{WEIGHTS} was not made for {metrics} metrics")
    return features


def packed(
    features: Features, network: Network, calibrator: Calibrator | None = None, defects: Defects | None = None
) -> bytes:
    """Return a head's weights as safetensors bytes: float32, and float16 for the large projection."""
    tensors = {f"features.{name}": np.asarray(getattr(features, name), dtype=np.float32) for name in _FEATURES}
    for part in (network, calibrator, defects):
        own = {} if part is None else part.tensors()
        tensors |= {name: np.asarray(tensor, dtype=np.float32) for name, tensor in own.items()}
    stored: dict[str, NDArray[np.generic]] = dict(tensors)
    stored["features.projection"] = features.projection.astype(np.float16)
    return safetensors_numpy.save({name: np.ascontiguousarray(tensor) for name, tensor in stored.items()})


def written(manifest: HeadManifest) -> str:
    """Return a manifest as its file holds it."""
    empty = {name for name in SINCE_FORMAT_2 if not getattr(manifest, name)}
    return manifest.model_dump_json(indent=2, exclude=empty if manifest.format == 1 else None) + "\n"


def save(folder: Path, manifest: HeadManifest, features: Features, network: Network) -> HeadManifest:
    """Write a head, and return its manifest with the SHA-256 of the weights as written."""
    return save_weights(folder, manifest, packed(features, network))


def save_weights(folder: Path, manifest: HeadManifest, weights: bytes) -> HeadManifest:
    """Write a head whose weights are packed, and return its manifest with their SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = manifest.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
    (folder / WEIGHTS).write_bytes(weights)
    (folder / MANIFEST).write_text(written(manifest), encoding="utf-8")
    return manifest
