"""Manifests of encoders that were added: reading them, and what follows from them without loading a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from schemas.encoders import EncoderManifest, Layer, PictureInput, TextInput
from schemas.heads import Encoding
from workers.encoders.architectures import TEXT, Architecture, architecture, resolved
from workers.encoders.base import EncoderError
from workers.encoders.textconfig import TextConfig

MANIFEST: Final = "encoder.json"


def read_manifest(folder: Path) -> EncoderManifest:
    """Read the manifest in an encoder's folder, which has the encoder's name.

    Raises:
        EncoderError: it is missing or not valid, or is another encoder's.
    """
    path = folder / MANIFEST
    try:
        manifest = EncoderManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EncoderError(f"{folder.name}/{MANIFEST} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise EncoderError(f"{folder.name}/{MANIFEST} is not valid: {_problems(error)}") from error
    if manifest.name != folder.name:
        raise EncoderError(f"{folder.name}/{MANIFEST} is that of {manifest.name!r}: folder and encoder have one name")
    return manifest


def folders(root: Path) -> Iterator[Path]:
    """Yield the folders of encoders in a folder, by name; none where it does not exist."""
    if root.is_dir():
        yield from sorted(path.parent for path in root.glob(f"[!.]*/{MANIFEST}"))


def encoding_of(manifest: EncoderManifest, text: TextConfig | None = None) -> Encoding:
    """Return what a head is tied to.

    Args:
        manifest: The encoder's.
        text: The configuration beside the weights; needed for a text encoder.

    Raises:
        EncoderError: the architecture or a layer does not exist, a layer cannot be pooled as asked, the input does not
            suit the network, or the declared dimension is not that of the layers.
    """
    steps = _text_steps(manifest, text) if manifest.architecture == TEXT else _picture_steps(manifest)
    layers, dimension = _layers(manifest, text)
    if dimension != manifest.dimension:
        raise EncoderError(
            f"{manifest.name}: the manifest declares {manifest.dimension} numbers, the layers {dimension}"
        )
    return Encoding(
        name=manifest.name,
        weights_sha256=manifest.weights_sha256,
        preprocessing=steps,
        layers=layers,
        pooling=", ".join(layer.pooling for layer in manifest.layers),
        dimension=dimension,
    )


def dimension_of(manifest: EncoderManifest, text: TextConfig | None = None) -> int:
    """Return how many numbers the layers of a manifest make, whatever it declares; raises as `encoding_of` does."""
    return _layers(manifest, text)[1]


def _layers(manifest: EncoderManifest, text: TextConfig | None) -> tuple[list[str], int]:
    """Return the layers as they stand in an encoding, and how many numbers they make."""
    own = None if manifest.architecture == TEXT else architecture(manifest.architecture)
    names, dimension = [], 0
    for layer in manifest.layers:
        name, width = _text_layer(layer, text) if own is None else _picture_layer(layer, own)
        names.append(name)
        dimension += width * (2 if layer.pooling == "mean+std" else 1)
    if len(set(zip(names, (layer.pooling for layer in manifest.layers), strict=True))) != len(names):
        raise EncoderError(f"{manifest.name}: a layer is named twice with one pooling")
    return names, dimension


def _picture_layer(layer: Layer, own: Architecture) -> tuple[str, int]:
    name = own.layer(layer.name)
    vector = own.vector and name == "last"
    if vector and layer.pooling != "cls":
        raise EncoderError(f"the last layer of {own.name} is one vector: its pooling is cls, not {layer.pooling}")
    if layer.pooling == "cls" and not own.tokens:
        raise EncoderError(f"{own.name} has no class token: its layers are pooled by mean or mean+std")
    return f"{layer.view}/{name}", own.widths[name]


def _text_layer(layer: Layer, text: TextConfig | None) -> tuple[str, int]:
    if text is None:
        raise EncoderError("a text encoder needs its config.json")
    if layer.view != "whole":
        raise EncoderError("a text has no native view")
    return resolved(TEXT, layer.name, text.aliases, text.widths), text.width


def _picture_steps(manifest: EncoderManifest) -> str:
    own, steps = architecture(manifest.architecture), manifest.input
    if not isinstance(steps, PictureInput):
        raise EncoderError(f"{own.name} reads pictures: its input is of type picture")
    if steps.size % own.multiple:
        raise EncoderError(f"{own.name}: a side of {steps.size} pixels is no multiple of {own.multiple}")
    if manifest.files:
        raise EncoderError(f"{own.name} reads no file besides its weights")
    constants = [" ".join(map(repr, values)) for values in (steps.mean, steps.std)]
    return f"{own.name}/{steps.fit}-{steps.size}/x/255 - {constants[0]} / {constants[1]}/{manifest.dtype}/v1"


def _text_steps(manifest: EncoderManifest, text: TextConfig | None) -> str:
    steps = manifest.input
    if not isinstance(steps, TextInput):
        raise EncoderError(f"{TEXT} reads texts: its input is of type text")
    if text is not None and steps.max_tokens > text.positions:
        raise EncoderError(f"{manifest.name}: {steps.max_tokens} tokens are more than its {text.positions} positions")
    files = json.dumps(_sorted(manifest.files), separators=(",", ":"))
    digest = hashlib.sha256(files.encode()).hexdigest()[:16]
    return f"{TEXT}/max-{steps.max_tokens}/files-{digest}/{manifest.dtype}/v1"


def _sorted(files: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(files.items())


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in found[:3])
