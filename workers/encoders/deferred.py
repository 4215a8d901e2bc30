"""Encoders that are loaded when something has to be embedded, and not before: what is cached needs none."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.heads import Encoding
from workers.encoders.base import Encoder, EncoderError, Prepared
from workers.encoders.registry import EncoderRegistry
from workers.media import Medium


class DeferredEncoder:
    """An encoder as a head describes it. Once it is loaded it must be that one."""

    def __init__(self, encoding: Encoding, registry: EncoderRegistry, device: str) -> None:
        """Load nothing yet."""
        self.encoding = encoding
        self.digest = encoding.digest()
        self._registry = registry
        self._device = device

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.encoding.name

    @property
    def dimension(self) -> int:
        """Numbers in one embedding."""
        return self.encoding.dimension

    def prepare(self, medium: Medium) -> Prepared:
        """See `Encoder`."""
        return self.load().prepare(medium)

    def bucket(self, prepared: Prepared) -> Hashable:
        """See `Encoder`."""
        return self.load().bucket(prepared)

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """See `Encoder`."""
        return self.load().embed(batch)

    def load(self) -> Encoder:
        """Return the encoder itself, loaded on first use.

        Raises:
            EncoderError: it cannot be loaded, or is another one than the head was trained on.
        """
        encoder = self._registry.get(self.name, self._device)
        if encoder.digest != self.digest:
            raise EncoderError(f"encoder {self.name} is not as it was when the head was trained on it")
        return encoder


class DeferredRegistry(EncoderRegistry):
    """Gives encoders that are not loaded yet."""

    def __init__(self, encodings: Mapping[str, Encoding], registry: EncoderRegistry) -> None:
        """Take the encodings of heads by the names of their encoders, and what loads those."""
        super().__init__({})
        self._encodings = encodings
        self._registry = registry

    @classmethod
    def of_heads(cls, encodings: Sequence[Encoding], root: Path) -> DeferredRegistry:
        """Return a registry for heads; of two that need one encoder in two ways, the second will be refused.

        Raises:
            EncoderError: an encoder in the folder has the name of a bundled one.
        """
        return cls({one.name: one for one in reversed(encodings)}, EncoderRegistry.of(root))

    def get(self, name: str, device: str = "cpu") -> Encoder:
        """Return the encoder of that name.

        Raises:
            EncoderError: no encoder has that name.
        """
        if name not in self._registry.names:
            return self._registry.get(name, device)  # says which there are
        return DeferredEncoder(self._encodings[name], self._registry, device)
