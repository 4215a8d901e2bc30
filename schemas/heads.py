"""The manifest of a trained head: what it is, what it needs, what it was made from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Document
from schemas.items import Identifier, Sha256


class Encoding(Document):
    """The frozen encoder that a head was trained on. A head is refused where any of this differs."""

    name: Identifier
    weights_sha256: Sha256
    preprocessing: Identifier = Field(description="Version of the steps from decoded item to the encoder's input.")
    layers: list[Identifier] = Field(description="Which outputs make up the embedding, in order.")
    pooling: Identifier
    dimension: Annotated[int, Field(ge=1)]


class TrainingSource(Document):
    """One file, or a part of one, that the head was trained on."""

    name: Identifier
    sha256: Sha256 = Field(description="Of the raw bytes of this very part.")
    licence: Identifier
    items: Annotated[int, Field(ge=0)]


class HeadManifest(Document):
    """A head and its provenance. The weights lie beside it as safetensors."""

    format: Literal[1] = 1
    name: Identifier
    kind: Identifier
    model: Literal["logistic", "mlp"]
    encoding: Encoding
    metrics: list[Identifier] = Field(description="Cheap metrics fused with the embedding, in order.")
    metrics_version: Identifier
    fusion: Literal["blocks", "late"]
    calibrated: bool = False
    seed: int
    labels: str = Field(description="Where the labels came from, in words.")
    damages: list[Identifier] = Field(description="How sample data was damaged to make bad items.")
    sources: list[TrainingSource]
    results: dict[str, float] = Field(description="Held-out figures, each with what it stands beside.")
    weights_sha256: Sha256
