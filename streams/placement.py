"""Names producers whose partitioner is another than ours: a parent of theirs can be split over partitions."""

from __future__ import annotations

from confluent_kafka import murmur2

from schemas.items import ItemEnvelope
from streams.gates import Notify

_NAMED_SOURCES = 1_000  # more are not named


class PlacementCheck:
    """Compares the partition of each item with that of its key."""

    def __init__(self, partitions: int, notify: Notify) -> None:
        """Take the partition count; `notify` is told `misplaced` once for each source."""
        self._partitions = partitions
        self._notify = notify
        self._named: set[str] = set()

    def look(self, partition: int, item: ItemEnvelope) -> None:
        """Look at an item that came from a partition."""
        expected = murmur2(item.parent_id.encode(), self._partitions)
        if expected == partition or item.source in self._named or len(self._named) >= _NAMED_SOURCES:
            return
        self._named.add(item.source)
        self._notify("misplaced", source=item.source, parent=item.parent_id, partition=partition, expected=expected)
