"""Damage to items as they are published, and to what a parent's items are together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from schemas.items import RawItem, content_hash
from workers.damage.pictures import PICTURE_DAMAGES
from workers.damage.registry import at
from workers.damage.slices import SLICE_DAMAGES
from workers.damage.texts import CHUNK_DAMAGES
from workers.decode import InlineDecoder
from workers.media import Chunk, Picture, Slice
from workers.sources.encode import png

_SIXTEEN_BITS = 65535


def damage_item(item: RawItem, name: str, severity: int, rng: np.random.Generator) -> RawItem:
    """Return the item decoded, damaged and losslessly encoded again, with its new content type and hash.

    Raises:
        KeyError: The item's family has no damage of this name.
        UndecodableError: The item cannot be read.
    """
    match medium := InlineDecoder().decode(item):
        case Picture():
            return _with_value(item, png(PICTURE_DAMAGES[name](medium, severity, rng).rgb), "image/png")
        case Slice():
            intensity = SLICE_DAMAGES[name](medium, severity, rng).intensity
            value = png(np.rint(intensity * _SIXTEEN_BITS).astype(np.uint16))
            return _with_value(item, value, "image/png", window_low=0.0, window_high=float(_SIXTEEN_BITS))
        case Chunk():
            value = CHUNK_DAMAGES[name](medium, severity, rng).text.encode()
            return _with_value(item, value, item.envelope.content_type)


def drop_items(items: Iterator[RawItem], severity: int, rng: np.random.Generator) -> Iterator[RawItem]:
    """Yield the items but a random share of them: 5, 10, 20, 40 or 60 per cent never arrive."""
    share = at(severity, (0.05, 0.1, 0.2, 0.4, 0.6))
    return (item for item in items if rng.random() >= share)


def corrupt_items(items: Iterator[RawItem], severity: int, rng: np.random.Generator) -> Iterator[RawItem]:
    """Yield all items, the bytes of a random 5, 10, 20, 40 or 60 per cent of them corrupted."""
    share = at(severity, (0.05, 0.1, 0.2, 0.4, 0.6))
    for item in items:
        if rng.random() < share:
            yield _with_value(item, corrupt_bytes(item.value, severity, rng), item.envelope.content_type)
        else:
            yield item


def corrupt_bytes(value: bytes, severity: int, rng: np.random.Generator) -> bytes:
    """Return the first 90, 70, 50, 25 or 0 per cent of the bytes, some of what is left (not its start) overwritten."""
    kept = round(len(value) * at(severity, (0.9, 0.7, 0.5, 0.25, 0.0)))
    cut = bytearray(value[:kept])
    start = min(len(cut), 512)  # the header remains, as it does when a transfer breaks off
    for place in rng.integers(start, max(start + 1, len(cut)), severity):
        if place < len(cut):
            cut[place] ^= 0xFF
    return bytes(cut)


def _with_value(
    item: RawItem,
    value: bytes,
    content_type: str,
    window_low: float | None = None,
    window_high: float | None = None,
) -> RawItem:
    changes: dict[str, object] = {"content_type": content_type, "content_hash": content_hash(value)}
    if window_high is not None:
        changes |= {"window_low": window_low, "window_high": window_high}
    return RawItem(item.envelope.model_copy(update=changes), value)
