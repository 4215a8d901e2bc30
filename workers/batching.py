"""Micro-batches by size and linger. Pure: time comes in as an argument."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pending(Generic[T]):
    """An item that waits: `bucket` is its shape class, `parent` what it should stay together with."""

    item: T
    bucket: Hashable
    parent: Hashable


@dataclass(slots=True)
class _Bucket(Generic[T]):
    since: float
    items: list[T] = field(default_factory=list)


class MicroBatcher(Generic[T]):
    """Collects items into batches of one bucket each.

    A batch leaves when `size` items of its bucket wait, or when the oldest of them has waited `linger_seconds`. Items
    that arrive in one call are lined up by parent before batches are cut, so that a burst in which parents are mixed
    does not scatter each of them over all batches. No batch is smaller or later for it.
    """

    def __init__(self, size: int, linger_seconds: float) -> None:
        """Make an empty batcher.

        Raises:
            ValueError: `size` is below 1 or the linger is negative.
        """
        if size < 1 or linger_seconds < 0:
            raise ValueError(f"size {size} and linger {linger_seconds} s must be at least 1 and 0")
        self.size = size
        self.linger_seconds = linger_seconds
        self._buckets: dict[Hashable, _Bucket[T]] = {}

    def __len__(self) -> int:
        return sum(len(bucket.items) for bucket in self._buckets.values())

    def add(self, arrivals: Iterable[Pending[T]], now: float) -> list[list[T]]:
        """Add items at `now` (seconds) and return the batches that became full, each of exactly `size` items."""
        by_parent: dict[Hashable, list[Pending[T]]] = {}
        for pending in arrivals:
            by_parent.setdefault(pending.parent, []).append(pending)
        full = []
        for pending in (one for group in by_parent.values() for one in group):
            bucket = self._buckets.setdefault(pending.bucket, _Bucket(now))
            bucket.items.append(pending.item)
            if len(bucket.items) >= self.size:
                full.append(self._buckets.pop(pending.bucket).items)
        return full

    def due(self, now: float) -> list[list[T]]:
        """Return the batches whose oldest item has waited for the linger at `now`."""
        late = [key for key, bucket in self._buckets.items() if now >= bucket.since + self.linger_seconds]
        return [self._buckets.pop(key).items for key in late]

    def deadline(self) -> float | None:
        """Return when the next batch is due (seconds), or None when nothing waits."""
        if not self._buckets:
            return None
        return min(bucket.since for bucket in self._buckets.values()) + self.linger_seconds

    def flush(self) -> list[list[T]]:
        """Return all that waits, in batches."""
        waiting = [bucket.items for bucket in self._buckets.values()]
        self._buckets.clear()
        return waiting
