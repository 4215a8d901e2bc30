"""Good media for canaries: pieces of the sample photographs and slices, and prose of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from workers.media import Chunk, Medium, Picture, Slice
from workers.training.parts import spread
from workers.training.pictures import picture_parts
from workers.training.volumes import slice_parts
from workers.watch.prose import PROSE

SIDE: Final = 240  # pixels of a picture, at most: the encoders take 224, and a canary is to be small
_CUTS = ((0.5, 0.5), (0.2, 0.3), (0.8, 0.6), (0.35, 0.8))  # where the middles of the pieces lie
_SLICES_OF_A_PART = 5


@dataclass(frozen=True, slots=True)
class Good:
    """A medium that is undamaged, with where it is from."""

    medium: Medium
    source: str
    licence: str


def cut(medium: Medium, down: float = 0.5, across: float = 0.5) -> Medium:
    """Return a piece of a picture that is no larger than a canary is to be; other media as they are."""
    if not isinstance(medium, Picture):
        return medium
    height, width = medium.rgb.shape[:2]
    top = round(max(0, height - SIDE) * down)
    left = round(max(0, width - SIDE) * across)
    return Picture(np.ascontiguousarray(medium.rgb[top : top + SIDE, left : left + SIDE]))


def _photographs() -> Iterator[Good]:
    parts = picture_parts()
    for down, across in _CUTS:
        for part in parts:
            yield Good(cut(part.media[0], down, across), part.name, part.licence)


def _slices() -> Iterator[Good]:
    for part in slice_parts():
        for place in spread(len(part.media), _SLICES_OF_A_PART):
            medium = part.media[place]
            if isinstance(medium, Slice):
                yield Good(medium, part.name, part.licence)


def _chunks() -> Iterator[Good]:
    for place, text in enumerate(PROSE):
        yield Good(Chunk(text), f"sluice/prose/{place}", "Apache-2.0")


MATERIAL: Mapping[str, Callable[[], Iterator[Good]]] = MappingProxyType(
    {"video-frame": _photographs, "mri-slice": _slices, "document-chunk": _chunks}
)
"""Sample material by kind."""
