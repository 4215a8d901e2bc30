"""What decoding makes of an item's bytes: the input of the cheap metrics and of the encoders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Picture:
    """A video frame or photograph at native resolution: `rgb` is uint8 (height, width, 3), sRGB."""

    rgb: NDArray[np.uint8]
    reasons: tuple[str, ...] = ()  # how it had to be read, e.g. "grayscale"


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of a volume at native resolution: `intensity` is float32 (height, width) in [0,1].

    0 is the envelope's `window_low`, 1 its `window_high` (percentiles of the whole volume); beyond is clipped.
    """

    intensity: NDArray[np.float32]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document."""

    text: str
    reasons: tuple[str, ...] = ()
    replaced: int = 0  # how many times bytes that are no characters became U+FFFD
    tail: bool = False  # the last of several chunks of its parent, as far as its producer counted them


Medium = Picture | Slice | Chunk


def counts(medium: Medium) -> dict[str, float]:
    """Return what was counted while the medium was read, to stand beside its metrics. No head looks at it."""
    return {"replaced_bytes": float(medium.replaced)} if isinstance(medium, Chunk) and medium.replaced else {}


class UndecodableError(Exception):
    """An item that cannot be read. It ends on `dead-letters`; `cause` is a code that programs can use."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
        self.detail = detail
