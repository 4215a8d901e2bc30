"""Canaries: known items whose scores were recorded while a head and its encoder were known to be sound."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.base import Document
from schemas.items import Identifier, Sha256
from schemas.scores import Score

EPSILON: Final = 0.02
"""How far a score may lie from the recorded one. The same encoder in float32 differs by less than 0.001 between batch
shapes and CPUs; reduced precision and other devices by a few times that."""


class Canary(Document):
    """One known item, and its score as recorded. Its bytes lie in items.zip under its name."""

    name: Identifier
    pair: Annotated[int, Field(ge=0)] = Field(description="The good one and the damaged one of a pair share it.")
    good: bool
    content_type: Identifier
    sha256: Sha256 = Field(description="Of its bytes.")
    window_low: float | None = None
    window_high: float | None = None
    damage: str = Field(default="", description="What was done to the good one to make this one.")
    source: Identifier
    licence: Identifier
    score: Score


class Channels(Document):
    """What entered the network at its first layer, one value per channel, after normalisation."""

    mean: list[float]
    std: list[float]
    low: list[float]
    high: list[float]


class CanaryRecord(Document):
    """The canaries of one head, and what they looked like on the way to their scores."""

    format: Literal[1] = 1
    kind: Identifier
    scorer: Sha256 = Field(description="Digest of encoder, weights, preprocessing and head when it was recorded.")
    encoder: Sha256
    epsilon: Annotated[float, Field(gt=0.0, lt=0.5)] = EPSILON
    norm_low: float = Field(description="Smallest Euclidean norm of an embedding of theirs.")
    norm_high: float
    inputs: Channels | None = Field(default=None, description="None where the network takes no channels, such as text.")
    canaries: Annotated[list[Canary], Field(min_length=2)]

    @property
    def margin(self) -> float:
        """Mean score of the good ones less that of the damaged ones, as recorded."""
        good = [one.score for one in self.canaries if one.good]
        bad = [one.score for one in self.canaries if not one.good]
        return sum(good) / max(1, len(good)) - sum(bad) / max(1, len(bad))
