"""The networks for pictures behind one interface: timm's and OpenCLIP's transformers, and torchvision's ResNet-50.

Each is built without weights, says which tensors of a file it wants and under which names, and returns any of its
layers. The libraries are asked for networks alone: they fetch nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from workers.encoders.architectures import Architecture
from workers.encoders.base import EncoderError
from workers.encoders.weights import State

_BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Output:
    """What a layer returned: (n, tokens, d) whose first `prefix` tokens are no patches, (n, d, h, w), or (n, d)."""

    values: Any
    prefix: int = 0

    @property
    def mask(self) -> torch.Tensor | None:
        """Zero for the tokens that are no patches, (n, tokens); None where there are no such tokens."""
        if not self.prefix:
            return None
        mask = torch.ones(self.values.shape[:2], device=self.values.device)
        mask[:, : self.prefix] = 0
        return mask


class Backbone(Protocol):
    """A network for pictures."""

    @property
    def network(self) -> torch.nn.Module:
        """The network itself, without its classifier or its text half."""

    def wants(self, key: str) -> bool:
        """Tell whether a tensor of a publisher's file is for this network."""

    def adapt(self, state: State) -> State:
        """Return the tensors of a publisher's file under the network's own names, for the size of its input."""

    def outputs(self, pixels: torch.Tensor, wanted: Iterable[str]) -> dict[str, Output]:
        """Return the layers of these names for normalised pixels (n, 3, side, side)."""


class TimmTransformer:
    """A vision transformer of timm: DINO and DINOv2. Its last layer is normalised; those before are as they are."""

    def __init__(self, architecture: Architecture, side: int) -> None:
        import timm  # noqa: PLC0415 (it takes seconds)

        name = architecture.constructor
        self.network: Any = timm.create_model(name, pretrained=False, num_classes=0, img_size=side)
        self.side = side

    def wants(self, key: str) -> bool:
        """Tell whether a tensor is for this network: all but a classifier's."""
        return not key.startswith("head.")

    def adapt(self, state: State) -> State:
        """Return the state under timm's names, from timm's or Meta's, with positions resampled to the grid."""
        from timm.models.vision_transformer import checkpoint_filter_fn  # noqa: PLC0415

        return dict(checkpoint_filter_fn(state, self.network))

    def outputs(self, pixels: torch.Tensor, wanted: Iterable[str]) -> dict[str, Output]:
        """Return layers of tokens: the class token, any registers, then the patches."""
        names = list(wanted)
        inner = [name for name in names if name != "last"]
        prefix: int = self.network.num_prefix_tokens
        if not inner:
            return {"last": Output(self.network.forward_features(pixels), prefix)}
        options = {"indices": [int(name.removeprefix(_BLOCK)) for name in inner], "output_fmt": "NLC"}
        if "last" not in names:
            pairs = self.network.forward_intermediates(
                pixels, return_prefix_tokens=True, intermediates_only=True, stop_early=True, **options
            )
            return _joined(inner, pairs, prefix)
        last, pairs = self.network.forward_intermediates(pixels, return_prefix_tokens=True, **options)
        return _joined(inner, pairs, prefix) | {"last": Output(last, prefix)}


class ClipTower:
    """The picture half of CLIP, by OpenCLIP. Its last layer is the projection into the space it shares with texts."""

    _PREFIX = "visual."

    def __init__(self, architecture: Architecture, side: int) -> None:
        import open_clip  # noqa: PLC0415 (it takes seconds)
        from open_clip.model import CLIPVisionCfg  # noqa: PLC0415
        from open_clip.transformer import QuickGELU, VisionTransformer  # noqa: PLC0415

        config = open_clip.get_model_config(architecture.constructor)
        if config is None:
            raise EncoderError(f"open_clip knows no {architecture.constructor}; another version of it is needed")
        vision = CLIPVisionCfg(**(config["vision_cfg"] | {"image_size": side}))
        self.network: Any = VisionTransformer(
            image_size=side,
            patch_size=vision.patch_size,
            width=vision.width,
            layers=vision.layers,
            heads=vision.width // vision.head_width,
            mlp_ratio=vision.mlp_ratio,
            output_dim=config["embed_dim"],
            act_layer=QuickGELU if config.get("quick_gelu") else torch.nn.GELU,
        )

    def wants(self, key: str) -> bool:
        """Tell whether a tensor is for this network: the text half and the temperature are not."""
        return key.startswith(self._PREFIX)

    def adapt(self, state: State) -> State:
        """Return the state under the tower's own names, with positions resampled to the grid."""
        from open_clip.model import resize_pos_embed  # noqa: PLC0415

        whole = torch.nn.Module()
        whole.visual = self.network
        resize_pos_embed(state, whole)
        return {key.removeprefix(self._PREFIX): tensor for key, tensor in state.items()}

    def outputs(self, pixels: torch.Tensor, wanted: Iterable[str]) -> dict[str, Output]:
        """Return layers of tokens, the class token first; `last` is the projected vector."""
        names = list(wanted)
        inner = [name for name in names if name != "last"]
        if not inner:
            return {"last": Output(self.network(pixels))}
        found = self.network.forward_intermediates(
            pixels,
            indices=[int(name.removeprefix(_BLOCK)) for name in inner],
            output_fmt="NLC",
            output_extra_tokens=True,
            intermediates_only="last" not in names,
            stop_early="last" not in names,
        )
        pairs = zip(found["image_intermediates"], found["image_intermediates_prefix"], strict=True)
        layers = _joined(inner, list(pairs), 1)
        return layers | {"last": Output(found["image_features"])} if "last" in names else layers


class ResNet50:
    """torchvision's ResNet-50 without its classifier, whose 1000 logits are no embedding. Its layers are maps."""

    _CLASSIFIER = "fc."
    _COUNTER = "num_batches_tracked"

    def __init__(self, architecture: Architecture, side: int) -> None:
        import torchvision  # noqa: PLC0415

        del side  # maps fit any
        self.network: Any = torchvision.models.get_model(architecture.constructor, weights=None)
        self.network.fc = torch.nn.Identity()

    def wants(self, key: str) -> bool:
        """Tell whether a tensor is for this network: all but the classifier's."""
        return not key.startswith(self._CLASSIFIER)

    def adapt(self, state: State) -> State:
        """Return the state, with counters that only training uses where older files lack them."""
        counters = [key for key in self.network.state_dict() if key.endswith(self._COUNTER)]
        return {key: torch.zeros((), dtype=torch.int64) for key in counters} | state

    def outputs(self, pixels: torch.Tensor, wanted: Iterable[str]) -> dict[str, Output]:
        """Return maps (n, d, h, w) of stages."""
        network, names = self.network, set(wanted)
        maps = network.maxpool(network.relu(network.bn1(network.conv1(pixels))))
        found = {}
        for place, stage in enumerate((network.layer1, network.layer2, network.layer3, network.layer4), start=1):
            maps = stage(maps)
            found[f"stage{place}"] = Output(maps)
            if names <= found.keys():
                return found
        return found | {"last": Output(maps)}


_LIBRARIES: dict[str, Callable[[Architecture, int], Backbone]] = {
    "timm": TimmTransformer,
    "open_clip": ClipTower,
    "torchvision": ResNet50,
}


def empty(architecture: Architecture, side: int) -> Backbone:
    """Build a network whose parameters have shapes and no values: it takes no memory, and no time for random ones."""
    with torch.device("meta"):
        return _LIBRARIES[architecture.library](architecture, side)


def _joined(names: Sequence[str], pairs: Sequence[tuple[Any, Any]], prefix: int) -> dict[str, Output]:
    """Put the class token and registers before the patches again, as the network has them.

    The libraries return layers in the order of their depth, each once.
    """
    ordered = sorted(names, key=lambda name: int(name.removeprefix(_BLOCK)))
    return {
        name: Output(torch.cat([first, patches], dim=1), prefix)
        for name, (patches, first) in zip(ordered, pairs, strict=True)
    }
