"""A scored item as it is listed: its record on `scores`, and what is worked out from its score."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

Band = Literal["unsure", "likely", "sure"]
BANDS: Final[tuple[Band, ...]] = ("unsure", "likely", "sure")
_LIKELY, _SURE = 1 / 3, 2 / 3  # margins from which on a score is likely and sure: three bands of the same width


Partition = Annotated[int, msgspec.Meta(ge=0, lt=1 << 18)]
Offset = Annotated[int, msgspec.Meta(ge=0, lt=1 << 44)]
Whole = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Signed = Annotated[int, msgspec.Meta(gt=-(1 << 62), lt=1 << 62)]


class Item(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What `schemas.scores.ItemScored` says, as far as it is listed. A foreign record may lack what has a default.

    A field of our own, `partition` and `offset`, says where it lies on `scores`.
    """

    parent_id: str
    kind: str
    source: str
    appended_at: Whole
    item_id: str
    index: Whole
    score: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    scorer: str
    count: Whole | None = None
    item_partition: Partition | None = None
    item_offset: Offset | None = None
    item_time: Signed | None = None
    content_hash: str | None = None
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    metrics: dict[str, float | None] = {}  # msgspec gives each item one of its own
    calibrated: bool = False
    embedding: str | None = None
    cached: bool = False
    partition: int = 0
    offset: int = 0

    @property
    def at(self) -> tuple[int, int] | None:
        """Where the item is on `items`: partition and offset; None where the record does not say."""
        return (
            None if self.item_partition is None or self.item_offset is None else (self.item_partition, self.item_offset)
        )

    @property
    def place(self) -> str:
        """The same for people: partition/offset, or nothing."""
        return "" if self.at is None else f"{self.at[0]}/{self.at[1]}"


class Decided(msgspec.Struct, frozen=True, gc=False):
    """What the latest decision about a parent says."""

    action: str
    label: str | None = None
    score: float | None = None


Decisions = Mapping[str, Decided]
"""The latest decision of each parent, by its id."""

UNDECIDED: Final[Decisions] = MappingProxyType({})


def entropy(score: float) -> float:
    """Return the binary entropy of a score in bits: 1 at 0.5, where the head cannot tell, and 0 at 0 and 1.

    H(p) = -p log2 p - (1 - p) log2(1 - p) (Shannon, 1948).
    """
    return -sum(share * log2(share) for share in (score, 1.0 - score) if share > 0.0)


def margin(score: float) -> float:
    """Return how far a score is from 0.5, in [0,1]: |p - (1 - p)|, the gap between both answers."""
    return abs(2.0 * score - 1.0)


def band(score: float) -> Band:
    """Return how sure the head is by its margin: below 1/3 unsure, below 2/3 likely, then sure."""
    return BANDS[(margin(score) >= _LIKELY) + (margin(score) >= _SURE)]
