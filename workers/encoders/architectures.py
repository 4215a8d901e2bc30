"""The networks for pictures that can be built, with the figures that their publishers state.

Dimensions are those of the embedding that is used: CLIP's after the projection (512 and 768, where the hidden widths
are 768 and 1024), ResNet-50's before the classifier (2048, where the classifier returns 1000).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from schemas.encoders import Channels
from workers.encoders.base import EncoderError

TEXT: Final = "sentence-transformer"
"""The architecture of text encoders; what it is in detail stands in the model's own config.json."""

ALIASES: Final = ("early", "middle", "late", "last")

# He et al. 2016, as torchvision and timm have them; and Radford et al. 2021, as in OpenAI's `clip/clip.py`
_IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_OPENAI: Final = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network for pictures. `widths` are the channels of each layer that can be asked for; `last` is the usual one.

    `tokens` tells layers of tokens from maps, `vector` that the last layer is one vector and needs no pooling.
    `multiple` is what a side of the input must be a multiple of: the side of a patch.
    """

    name: str
    library: Literal["timm", "open_clip", "torchvision"]
    constructor: str
    widths: Mapping[str, int]
    aliases: Mapping[str, str]
    multiple: int
    licence: str
    publisher: str
    mean: Channels = _IMAGENET[0]
    std: Channels = _IMAGENET[1]
    tokens: bool = True
    vector: bool = False
    side: int = 224

    def layer(self, name: str) -> str:
        """Return the layer's own name, where `name` may be an alias such as early.

        Raises:
            EncoderError: there is no such layer.
        """
        return resolved(self.name, name, self.aliases, self.widths)


def resolved(owner: str, name: str, aliases: Mapping[str, str], widths: Mapping[str, int]) -> str:
    """Return a layer's own name for itself or an alias; EncoderError where there is neither."""
    found = aliases.get(name, name)
    if found not in widths:
        known = [one for one in widths if one != "last"]
        raise EncoderError(
            f"{owner} has no layer {name!r}: there are {', '.join(ALIASES)}, and {known[0]} to {known[-1]}"
        )
    return found


def quarters(prefix: str, depth: int, first: int = 0) -> dict[str, str]:
    """Return the names of the layers after a quarter, a half and three quarters of `depth`, numbered from `first`."""
    return {
        alias: f"{prefix}{max(1, depth * part // 4) - 1 + first}"
        for part, alias in enumerate(("early", "middle", "late"), start=1)
    }


def _transformer(depth: int, width: int, last: int) -> tuple[dict[str, int], dict[str, str]]:
    widths = {f"block{place}": width for place in range(depth)} | {"last": last}
    return widths, quarters("block", depth) | {"last": "last"}


def _dino() -> Architecture:
    widths, aliases = _transformer(12, 768, 768)
    return Architecture(
        name="dino-vit-b16",
        library="timm",
        constructor="vit_base_patch16_224.dino",
        widths=widths,
        aliases=aliases,
        multiple=16,
        licence="Apache-2.0",
        publisher="Meta; timm: vit_base_patch16_224.dino",
    )


def _dinov2(letter: str, size: str, depth: int, width: int, *, registers: bool) -> Architecture:
    widths, aliases = _transformer(depth, width, width)
    constructor = f"vit_{size}_patch14_{'reg4_' if registers else ''}dinov2.lvd142m"
    return Architecture(
        name=f"dinov2-vit-{letter}14{'-reg4' if registers else ''}",
        library="timm",
        constructor=constructor,
        widths=widths,
        aliases=aliases,
        multiple=14,
        licence="Apache-2.0",
        publisher=f"Meta; timm: {constructor}",
    )


def _clip(suffix: str, model: str, depth: int, widths: tuple[int, int], multiple: int, *, quick: bool) -> Architecture:
    width, projected = widths
    channels, aliases = _transformer(depth, width, projected)
    return Architecture(
        name=f"clip-vit-{suffix}{'' if quick else '-gelu'}",
        library="open_clip",
        constructor=f"{model}-quickgelu" if quick else model,
        widths=channels,
        aliases=aliases,
        multiple=multiple,
        licence="MIT",
        publisher=f"OpenAI; OpenCLIP: {model}, pretrained openai" if quick else f"OpenCLIP: {model}, not OpenAI's",
        mean=_OPENAI[0],
        std=_OPENAI[1],
        vector=True,
    )


def _resnet50() -> Architecture:
    widths = {"stage1": 256, "stage2": 512, "stage3": 1024, "stage4": 2048, "last": 2048}
    aliases = {"early": "stage1", "middle": "stage2", "late": "stage3", "last": "last"}
    return Architecture(
        name="resnet50",
        library="torchvision",
        constructor="resnet50",
        widths=widths,
        aliases=aliases,
        multiple=2,
        licence="BSD-3-Clause",
        publisher="torchvision: ResNet50_Weights; as safetensors by timm: resnet50.tv_in1k",
        tokens=False,
    )


_SIZES = (("s", "small", 12, 384), ("b", "base", 12, 768), ("l", "large", 24, 1024))
_ALL = (
    _dino(),
    *(_dinov2(*size, registers=registers) for size in _SIZES for registers in (False, True)),
    *(_clip("b32", "ViT-B-32", 12, (768, 512), 32, quick=quick) for quick in (True, False)),
    *(_clip("l14", "ViT-L-14", 24, (1024, 768), 14, quick=quick) for quick in (True, False)),
    _resnet50(),
)

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType({one.name: one for one in _ALL})


def architecture(name: str) -> Architecture:
    """Return an architecture for pictures by its name.

    Raises:
        EncoderError: there is none.
    """
    if name not in ARCHITECTURES:
        raise EncoderError(f"no architecture is called {name!r}: there are {', '.join([*ARCHITECTURES, TEXT])}")
    return ARCHITECTURES[name]
