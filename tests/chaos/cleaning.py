"""Retention on `decisions` and compaction of `latest`, forced and seen to have happened."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.chaos.plan import Cleaned
from tests.chaos.reading import Watcher, committed, decision_key, edges, read_whole

PATIENCE = 120.0  # s; the brokers look for what they can compact every 15 s
_COMPACTED_AT_ONCE = {
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "100",
}


class Cleaner:
    """Takes from the topics of one trial what the product says that nobody needs."""

    def __init__(self, properties: Mapping[str, Any], prefix: str, partitions: int) -> None:
        """Name the topics by their prefix."""
        self._properties = dict(properties)
        self._admin = AdminClient({**properties, "log_level": 3})
        self._prefix = prefix
        self._partitions = partitions
        self.cleaned = Cleaned()

    def compact_at_once(self) -> None:
        """Let the brokers compact `latest` whenever they look."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in _COMPACTED_AT_ONCE.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, self._prefix + "latest", incremental_configs=entries)
        for future in self._admin.incremental_alter_configs([resource]).values():
            future.result()

    def clean(self, watcher: Watcher, group: str) -> None:
        """Wait until part of the decisions is not needed, delete that, and wait until `latest` was compacted."""
        needed: dict[int, int] = {}

        def movable() -> bool:
            needed.update(self._needed_from(group))
            return len(needed) == self._partitions and all(needed.values())

        _wait(movable)
        self.delete(needed)
        _wait(lambda: self._superseded(watcher) > 0)

    def delete_more(self, group: str) -> None:
        """Delete what is not needed any more."""
        self.delete(self._needed_from(group))

    def delete(self, needed: Mapping[int, int]) -> None:
        """Delete the decisions below an offset of each partition."""
        topic = self._prefix + "decisions"
        places = [TopicPartition(topic, number, offset) for number, offset in needed.items() if offset]
        for future in self._admin.delete_records(places).values() if places else ():
            future.result()
        starts, _ = edges(self._admin, topic, self._partitions)
        self.cleaned.deleted = sum(starts.values())
        self.cleaned.partitions = sum(start > 0 for start in starts.values())

    def _needed_from(self, group: str) -> dict[int, int]:
        """Return from where on each partition's decisions are needed, by the metadata that was committed."""
        found = committed(self._properties, group, self._prefix + "scores", self._partitions)
        return {
            number: int(json.loads(metadata)["decisions_from"]) for number, (_, metadata) in found.items() if metadata
        }

    def _superseded(self, watcher: Watcher) -> int:
        seen = set(watcher.seen)
        there = {
            decision_key(one.value) for one in read_whole(self._properties, self._prefix + "latest", self._partitions)
        }
        self.cleaned.superseded = len(seen - there)
        return self.cleaned.superseded


def _wait(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True
