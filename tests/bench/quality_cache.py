"""Embeddings that were made before, on disk: keyed by the encoder's digest and by its very input."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.heads import Encoding
from workers.encoders import Encoder, Prepared
from workers.media import Medium

_OFTEN = 512  # embeddings between writes: a run that is killed has lost no more


class Remembering:
    """An encoder that embeds no input twice, over runs too. `close` writes what is new."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        """Read what `folder` holds of this encoder."""
        self._encoder = encoder
        self._path = folder / f"{encoder.name}-{encoder.digest[:16]}.npz"
        self._known: dict[str, NDArray[np.float32]] = {}
        self.calls = self._unwritten = 0
        if self._path.is_file():
            with np.load(self._path, allow_pickle=False) as found:
                self._known = dict(zip(found["keys"].tolist(), found["values"], strict=True))

    @property
    def name(self) -> str:
        """That of the encoder."""
        return self._encoder.name

    @property
    def encoding(self) -> Encoding:
        """That of the encoder."""
        return self._encoder.encoding

    @property
    def digest(self) -> str:
        """That of the encoder."""
        return self._encoder.digest

    @property
    def dimension(self) -> int:
        """That of the encoder."""
        return self._encoder.dimension

    def prepare(self, medium: Medium) -> Prepared:
        """Return the encoder's input."""
        return self._encoder.prepare(medium)

    def bucket(self, prepared: Prepared) -> Hashable:
        """Return the encoder's bucket."""
        return self._encoder.bucket(prepared)

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Embed inputs, float32 (n, dimension), calling the encoder for those alone that it has not seen."""
        keys = [_key(prepared) for prepared in batch]
        new = {key: prepared for key, prepared in zip(keys, batch, strict=True) if key not in self._known}
        if new:
            self._known.update(zip(new, self._encoder.embed(list(new.values())), strict=True))
            self.calls += len(new)
            self._unwritten += len(new)
            if self._unwritten >= _OFTEN:
                self.close()
        return np.stack([self._known[key] for key in keys])

    def close(self) -> None:
        """Write all that is known, if there is anything new. A run that is killed meanwhile leaves the old file."""
        if self._unwritten:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            half = self._path.with_suffix(f".{os.getpid()}.part.npz")  # two runs may write at once
            np.savez(half, keys=np.array(list(self._known)), values=np.stack(list(self._known.values())))
            half.replace(self._path)
            self._unwritten = 0


def _key(prepared: Prepared) -> str:
    digest = hashlib.blake2b(f"{prepared.dtype}{prepared.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(prepared).tobytes())
    return digest.hexdigest()
