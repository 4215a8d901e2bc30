"""Which contents the items of labelled parents had, by the records of their scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import murmur2

from deploy.replay.folder import open_run
from deploy.settings import Settings
from streams import clients, offsets
from streams.history import read_from
from streams.topics import TopicNames

Contents = dict[str, set[str]]
"""SHA-256 of the contents of the items that are known, by parent."""

_STEP: Final = 1_000
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)


class _Content(msgspec.Struct, frozen=True, gc=False):
    content_hash: str | None = None


_content = msgspec.json.Decoder(_Content)


class ScoreLog:
    """The part of `scores` that holds labelled parents."""

    def __init__(self, properties: clients.Properties, settings: Settings, parents: Collection[str]) -> None:
        """Ask the brokers how much there is to read.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        self._properties = properties
        self._topic = TopicNames(settings.topic_prefix).scores
        self._wanted = {parent.encode() for parent in parents}
        own = {murmur2(parent, settings.partitions) for parent in self._wanted}
        admin = clients.admin(properties)
        self._starts = offsets.starts(admin, self._topic, own)
        ends = offsets.ends(admin, self._topic, own)
        self.total = sum(ends[number] - start for number, start in self._starts.items())

    def contents(self, advance: Callable[[int], None]) -> Contents:
        """Return the contents of the parents' items.

        Raises:
            KafkaException: the brokers refused.
        """
        found: Contents = defaultdict(set)
        waiting = 0
        for message in read_from(self._properties, self._topic, self._starts):
            waiting += 1
            if waiting == _STEP:
                advance(waiting)
                waiting = 0
            key = message.key()
            if not isinstance(key, bytes) or key not in self._wanted:
                continue
            try:
                content = _content.decode(message.value() or b"").content_hash
            except _UNREADABLE:
                continue
            if content is not None:
                found[key.decode()].add(content)
        advance(waiting)
        return found


def of_replay(path: Path, parents: Collection[str]) -> Contents:
    """Return the contents of the parents' items by what a replay scored anew; empty where it scored nothing.

    Raises:
        ReplayError: its files cannot be read.
    """
    run = open_run(path)
    found: Contents = defaultdict(set)
    for partition in run.record.spans if run.rescored else ():
        for row in run.scores(partition):
            if row["parent_id"] in parents and row["content_hash"]:
                found[row["parent_id"]].add(row["content_hash"])
    return found
