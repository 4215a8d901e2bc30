"""From what a user asked for to a manifest. Known architectures bring their constants; the user gives name and file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from deploy.errors import ConfigurationError
from schemas.encoders import Channels, EncoderManifest, PictureInput, TextInput
from workers.encoders import EncoderError
from workers.encoders.architectures import ARCHITECTURES, TEXT, Architecture
from workers.encoders.manifests import dimension_of, encoding_of
from workers.encoders.textconfig import TextConfig, default_pooling, default_tokens, read_config

WEIGHTS: Final = "model.safetensors"
_LAYER: Final = re.compile(r"(?:(whole|native)/)?([a-z]+[0-9]*)(?::(cls|mean|mean\+std))?")
_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `sluice encoder add` was asked for; None takes what is usual for the architecture."""

    name: str
    source: str
    sha256: str
    architecture: str | None = None
    layers: tuple[str, ...] = ()
    size: int | None = None
    fit: str = "squash"
    mean: Channels | None = None
    std: Channels | None = None
    dtype: str = "float32"
    max_tokens: int | None = None
    licence: str | None = None
    pins: dict[str, str] = field(default_factory=dict)
    largest: int = 8 * 2**30

    @property
    def kind(self) -> str:
        """The architecture; an encoder that is called like one is of that one.

        Raises:
            ConfigurationError: there is none of this name.
        """
        name = self.architecture or self.name
        if name != TEXT and name not in ARCHITECTURES:
            raise ConfigurationError(
                f"--architecture {name}: there is none of this name. There are {', '.join([*ARCHITECTURES, TEXT])}"
            )
        return name


def manifest_of(wanted: Wanted, folder: Path, files: dict[str, str], source: str) -> EncoderManifest:
    """Return the manifest of what was asked for.

    Args:
        wanted: What was asked for.
        folder: Where a text encoder's files lie already.
        files: The SHA-256 of those that are read besides the weights.
        source: Where the weights come from, as it may be kept.

    Raises:
        ConfigurationError: an option is wrong, or does not suit the architecture.
    """
    config = None
    try:
        if wanted.kind == TEXT:
            config = read_config(folder)
            parts = _text(wanted, folder, config)
        else:
            parts = _picture(wanted, ARCHITECTURES[wanted.kind])
        draft = EncoderManifest.model_validate(
            {
                "name": wanted.name,
                "architecture": wanted.kind,
                "weights": WEIGHTS,
                "weights_sha256": wanted.sha256,
                "files": files,
                "dtype": wanted.dtype,
                "dimension": 1,
                "source": source,
                **parts,
            }
        )
        manifest = draft.model_copy(update={"dimension": dimension_of(draft, config)})
        encoding_of(manifest, config)  # now, and not after gigabytes were fetched
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{place}: {first['msg']}") from error
    except EncoderError as error:
        raise ConfigurationError(str(error)) from error
    return manifest


def layer_of(text: str, pooling: str) -> dict[str, str]:
    """Return a layer written as [native/]NAME[:POOLING].

    Raises:
        ConfigurationError: it is written otherwise.
    """
    match = _LAYER.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"--layer {text}: right would be last, early:mean, native/block2:mean+std")
    return {"view": match[1] or "whole", "name": match[2], "pooling": match[3] or pooling}


def _picture(wanted: Wanted, own: Architecture) -> dict[str, Any]:
    if wanted.max_tokens is not None:
        raise ConfigurationError(f"--max-tokens is for text encoders; {own.name} reads pictures")
    usual = "cls" if own.tokens else "mean"
    steps = PictureInput.model_validate(
        {
            "size": wanted.size or own.side,
            "fit": wanted.fit,
            "mean": wanted.mean or own.mean,
            "std": wanted.std or own.std,
        }
    )
    layers = [layer_of(text, usual) for text in wanted.layers or ("last",)]
    return {"input": steps, "layers": layers, "licence": wanted.licence or own.licence}


def _text(wanted: Wanted, folder: Path, config: TextConfig) -> dict[str, Any]:
    given = {"--size": wanted.size, "--mean": wanted.mean, "--std": wanted.std}
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise ConfigurationError(f"{wrong[0]} is for pictures; {TEXT} reads texts")
    named = wanted.layers and all(":" in layer for layer in wanted.layers)
    usual = "mean" if named else default_pooling(folder)
    return {
        "input": TextInput(max_tokens=wanted.max_tokens or default_tokens(folder, config)),
        "layers": [layer_of(text, usual) for text in wanted.layers or ("last",)],
        "licence": wanted.licence or _UNKNOWN,
    }
