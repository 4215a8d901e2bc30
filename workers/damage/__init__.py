"""Damage that makes bad items of good ones: for training heads, for tests and for the demo."""

from workers.damage.parents import corrupt_bytes, corrupt_items, damage_item, drop_items
from workers.damage.pictures import PICTURE_DAMAGES
from workers.damage.registry import ChunkDamage, PictureDamage, SliceDamage
from workers.damage.slices import SLICE_DAMAGES
from workers.damage.texts import CHUNK_DAMAGES

__all__ = [
    "CHUNK_DAMAGES",
    "PICTURE_DAMAGES",
    "SLICE_DAMAGES",
    "ChunkDamage",
    "PictureDamage",
    "SliceDamage",
    "corrupt_bytes",
    "corrupt_items",
    "damage_item",
    "drop_items",
]
