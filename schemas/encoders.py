"""The manifest of an encoder that a user added: which network, which weights, and what an embedding is made of.

It lies beside the weights. Bundled encoders have none.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from schemas.base import Document
from schemas.items import Identifier, Sha256

EncoderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Pooling = Literal["cls", "mean", "mean+std"]
View = Literal["whole", "native"]
Channels = tuple[float, float, float]


class Layer(Document):
    """One part of the embedding: what a layer returns for a view, pooled."""

    name: Identifier = Field(
        description="early, middle, late or last; or block0, block1, ... of a transformer for pictures, stage1 to "
        "stage4 of a ResNet, layer1, layer2, ... of a text encoder."
    )
    pooling: Pooling = Field(
        description="cls: the class token. mean: over the tokens that count, or over space. mean+std: also the "
        "standard deviation. The last layer of CLIP is one vector, its projection: cls."
    )
    view: View = Field(
        default="whole",
        description="whole: the picture, resized. native: four pieces of it that are not resized, which keep blur.",
    )


class PictureInput(Document):
    """How a picture becomes the network's input: resized, divided by 255, less the mean, divided by the deviation."""

    type: Literal["picture"] = "picture"
    size: Annotated[int, Field(ge=32, le=1024)] = Field(description="Pixels of a side.")
    fit: Literal["squash", "crop"] = Field(
        default="squash",
        description="squash: all of the picture, whatever its shape. crop: the middle square of it, as in the "
        "encoders' own evaluations; damage at the edges is not seen.",
    )
    mean: Channels = Field(description="Of red, green and blue, where 1.0 is full.")
    std: Channels

    @field_validator("std")
    @classmethod
    def _check_std(cls, value: Channels) -> Channels:
        if min(value) <= 0:
            raise ValueError("a deviation is above 0")
        return value


class TextInput(Document):
    """How a text becomes the network's input: by the tokenizer that lies beside the weights, cut at its end."""

    type: Literal["text"] = "text"
    max_tokens: Annotated[int, Field(ge=3, le=8192)]


class EncoderManifest(Document):
    """An encoder that was added, with all that its embeddings depend on."""

    format: Literal[1] = 1
    name: EncoderName
    architecture: Identifier = Field(description="One that this Sluice can build, such as dinov2-vit-b14.")
    weights: FileName = Field(description="A file in safetensors format beside this one.")
    weights_sha256: Sha256
    files: dict[FileName, Sha256] = Field(default_factory=dict, description="What else is read: a tokenizer's files.")
    input: Annotated[PictureInput | TextInput, Field(discriminator="type")]
    layers: Annotated[list[Layer], Field(min_length=1, max_length=32)]
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="Of weights and arithmetic.")
    dimension: Annotated[int, Field(ge=1)] = Field(description="Numbers in one embedding, which is always float32.")
    licence: Identifier
    source: Identifier = Field(description="Where the weights came from, without anything secret.")
