"""Any encoder for pictures that has a manifest: views, normalisation, layers and pooling as the manifest says."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.encoders import EncoderManifest, PictureInput, View
from workers.encoders.architectures import architecture
from workers.encoders.backbones import Backbone, empty
from workers.encoders.base import EncoderError, Prepared, assert_frozen, check_shape, freeze
from workers.encoders.manifests import encoding_of
from workers.encoders.pooling import to_embedding
from workers.encoders.views import mosaic, pixels, square, whole
from workers.encoders.weights import State, WeightsError, check_sha256, fill, read
from workers.media import Medium

_WHITE = 255.0


class PictureEncoder:
    """A frozen network for pictures. Inputs are its views, uint8 (views, side, side, 3); weights are checked first."""

    def __init__(self, manifest: EncoderManifest, backbone: Backbone, device: torch.device) -> None:
        if not isinstance(manifest.input, PictureInput):
            raise EncoderError(f"{manifest.name}: its input is no picture")
        self.name = manifest.name
        self.encoding = encoding_of(manifest)
        self.digest = self.encoding.digest()
        self.dimension = manifest.dimension
        self._backbone = backbone
        self._device = device
        self._dtype = torch.bfloat16 if manifest.dtype == "bfloat16" else torch.float32
        self._network = freeze(backbone.network.to(self._dtype), device)
        self._input = manifest.input
        self._mean, self._std = (
            torch.tensor(values, device=device).view(3, 1, 1) for values in (self._input.mean, self._input.std)
        )
        own = architecture(manifest.architecture)
        self._layers = [(layer.view, own.layer(layer.name), layer.pooling) for layer in manifest.layers]
        self._views: list[View] = list(dict.fromkeys(view for view, _, _ in self._layers))

    @classmethod
    def load(cls, manifest: EncoderManifest, folder: Path, device: str = "cpu") -> PictureEncoder:
        """Build the network and fill it from the file beside the manifest.

        Raises:
            EncoderError: the manifest contradicts itself, or the file is missing, a pickle, another one than was
                promised, or that of another network.
        """
        encoding_of(manifest)  # first: it costs nothing
        path = folder / manifest.weights
        check_sha256(path, manifest.weights_sha256)
        own = architecture(manifest.architecture)
        backbone = empty(own, manifest.input.size if isinstance(manifest.input, PictureInput) else own.side)
        fill(backbone.network, _adapted(backbone, path, own.name), own.name)
        return cls(manifest, backbone, torch.device(device))

    @property
    def network(self) -> torch.nn.Module:
        """The network itself, to hash its parameters."""
        return self._network

    def prepare(self, medium: Medium) -> Prepared:
        """Return the views that the layers ask for, uint8 (views, side, side, 3)."""
        rgb, side = pixels(medium), self._input.size
        fitted = {"squash": whole, "crop": square}[self._input.fit]
        return np.stack([mosaic(rgb, side) if view == "native" else fitted(rgb, side) for view in self._views])

    def bucket(self, prepared: Prepared) -> Hashable:
        """Return the shape; every input has the same."""
        return prepared.shape

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Embed inputs (views, side, side, 3) to float32 (n, dimension)."""
        assert_frozen(self._network)
        shape = (len(self._views), self._input.size, self._input.size, 3)
        if any(item.shape != shape or item.dtype != np.uint8 for item in batch):
            raise EncoderError(f"inputs of shape {shape} in uint8 are needed")
        with torch.inference_mode():
            views = self.normalised(torch.from_numpy(np.stack(batch)))
            outputs = {
                view: self._backbone.outputs(views[:, place], self._wanted(view))
                for place, view in enumerate(self._views)
            }
            parts = []
            for view, name, pooling in self._layers:
                output = outputs[view][name]
                parts.append(to_embedding(output.values, output.mask, pooling))
            embeddings = torch.cat(parts, dim=1).cpu().numpy()
        return check_shape(embeddings, len(batch), self.dimension)

    def normalised(self, views: torch.Tensor) -> torch.Tensor:
        """Return uint8 views (n, views, side, side, 3) as the network takes them, (n, views, 3, side, side)."""
        channels = views.to(self._device).permute(0, 1, 4, 2, 3).float().div(_WHITE)
        return channels.sub(self._mean).div(self._std).to(self._dtype)

    def _wanted(self, view: View) -> list[str]:
        return list(dict.fromkeys(name for own, name, _ in self._layers if own == view))


def _adapted(backbone: Backbone, path: Path, name: str) -> State:
    state = read(path, backbone.wants)
    try:
        return backbone.adapt(state)
    except Exception as error:  # libraries raise many things when they meet another network's weights
        raise WeightsError(
            f"these are not the weights of {name}: {path.name} cannot be fitted to it: {error}"
        ) from error
