"""What is trained for each kind: material, encoder, amounts, recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from workers.metrics import Family
from workers.training.dataset import Amounts, Variant
from workers.training.fit import Recipe
from workers.training.parts import Part
from workers.training.pictures import picture_parts, picture_variant
from workers.training.texts import chunk_parts, chunk_variant
from workers.training.volumes import slice_parts, slice_variant


@dataclass(frozen=True, slots=True)
class KindSpec:
    """How the head of a kind is made."""

    family: Family
    encoder: str
    parts: Callable[[], list[Part]]
    variant: Variant
    amounts: Amounts
    recipe: Recipe = field(default_factory=Recipe)


KINDS: Mapping[str, KindSpec] = MappingProxyType(
    {
        "video-frame": KindSpec(
            "picture",
            "efficientnet-lite0",
            picture_parts,
            picture_variant,
            Amounts(media=1, variants=9, clean=4, copies=1),
        ),
        "mri-slice": KindSpec(
            "slice",
            "efficientnet-lite0",
            slice_parts,
            slice_variant,
            Amounts(media=12, variants=1, clean=4, copies=1),
        ),
        "document-chunk": KindSpec(
            "chunk",
            "all-minilm-l6-v2",
            chunk_parts,
            chunk_variant,
            Amounts(media=3, variants=1, clean=2, copies=1),
        ),
    }
)
