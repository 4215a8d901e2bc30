"""Encoders of the real architectures with seeded random weights, in files as their publishers lay them out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import save_file

from schemas.encoders import EncoderManifest, Layer, PictureInput, TextInput
from workers.encoders.architectures import ARCHITECTURES, TEXT, Architecture
from workers.encoders.backbones import empty
from workers.encoders.base import file_sha256
from workers.encoders.manifests import MANIFEST, dimension_of
from workers.encoders.textconfig import FILES, read_config

WEIGHTS = "model.safetensors"
STORED_SIDE = 518  # DINOv2 is published for inputs of this side
_POOL = 2**20
_WRITTEN: dict[Path, str] = {}


def picture_manifest(
    name: str,
    architecture: str,
    *,
    weights_sha256: str = "0" * 64,
    layers: tuple[Layer, ...] | None = None,
    size: int = 224,
    dtype: Literal["float32", "bfloat16"] = "float32",
) -> EncoderManifest:
    """Return a manifest; without layers, the last one as its publisher pools it."""
    own = ARCHITECTURES[architecture]
    layers = layers or (Layer(name="last", pooling="cls" if own.tokens else "mean"),)
    draft = EncoderManifest(
        name=name,
        architecture=architecture,
        weights=WEIGHTS,
        weights_sha256=weights_sha256,
        input=PictureInput(size=size, mean=own.mean, std=own.std),
        layers=list(layers),
        dtype=dtype,
        dimension=1,
        licence=own.licence,
        source="seeded random weights",
    )
    return draft.model_copy(update={"dimension": dimension_of(draft)})


def text_manifest(
    name: str, folder: Path, layers: tuple[Layer, ...], dtype: Literal["float32", "bfloat16"] = "float32"
) -> EncoderManifest:
    """Return the manifest of a text encoder whose files lie in a folder."""
    draft = EncoderManifest(
        name=name,
        architecture=TEXT,
        weights=WEIGHTS,
        weights_sha256=file_sha256(folder / WEIGHTS),
        files={one: file_sha256(folder / one) for one in FILES},
        input=TextInput(max_tokens=64),
        layers=list(layers),
        dtype=dtype,
        dimension=1,
        licence="MIT",
        source="bundled weights",
    )
    return draft.model_copy(update={"dimension": dimension_of(draft, read_config(folder))})


def place(root: Path, manifest: EncoderManifest, files: Path) -> Path:
    """Put an encoder into a folder of encoders: its manifest, and links to its files."""
    folder = root / manifest.name
    folder.mkdir(parents=True)
    for name in (manifest.weights, *manifest.files):
        (folder / name).symlink_to(files / name)
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return folder


def write_weights(architecture: str, path: Path, dtype: torch.dtype = torch.float32) -> str:
    """Write seeded random weights as the publisher has them, with what is not read of them; return the SHA-256."""
    own = ARCHITECTURES[architecture]
    save_file(dict(_published(own, dtype)), path)
    return file_sha256(path)


def shared_weights(architecture: str, factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a file of seeded random float32 weights and its SHA-256, written once for all tests of a process.

    It is for small networks, since it stays until the session ends, and must not be written to.
    """
    path = factory.getbasetemp() / "seeded" / f"{architecture}.safetensors"
    if path not in _WRITTEN:
        path.parent.mkdir(exist_ok=True)
        _WRITTEN[path] = write_weights(architecture, path)
    return path, _WRITTEN[path]


def _published(own: Architecture, dtype: torch.dtype) -> Iterator[tuple[str, torch.Tensor]]:
    network = empty(own, STORED_SIDE if own.name.startswith("dinov2") else 224).network
    pool = torch.randn(_POOL, generator=torch.Generator().manual_seed(_seed(own.name)))
    prefix = "visual." if own.library == "open_clip" else ""
    for key, shape in network.state_dict().items():
        values = _values(key, shape, pool)
        yield prefix + key, values.to(dtype) if values.is_floating_point() else values
    yield from {
        "timm": {"head.weight": torch.ones(10, 4)},
        "open_clip": {"logit_scale": torch.ones(()), "transformer.resblocks.0.ln_1.weight": torch.ones(4)},
        "torchvision": {"fc.weight": torch.ones(1000, 2048), "fc.bias": torch.ones(1000)},
    }[own.library].items()


def _values(key: str, like: Any, pool: torch.Tensor) -> torch.Tensor:
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    count = like.numel()
    start = _seed(key) % _POOL
    drawn = pool.roll(-start).repeat(-(-count // _POOL))[:count].view(like.shape)
    if key.endswith("running_var"):
        return drawn.abs() + 0.5
    if like.ndim <= 1:
        around = 1.0 if key.endswith(("weight", "gamma")) else 0.0
        return around + 0.05 * drawn
    scale = 0.02 if "pos" in key or "token" in key else float(like[0].numel()) ** -0.5
    return drawn * scale


def _seed(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
