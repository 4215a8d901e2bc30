"""What follows on the faults: everything is decided and committed, and the topics are read whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka.admin import AdminClient

from deploy.settings import Settings
from schemas.policy import Policy
from tests.chaos.feed import Feed
from tests.chaos.material import last_record
from tests.chaos.reading import ACTIONS, Entry, Watcher, committed, edges, read_whole
from tests.chaos.scorelog import read_scores
from tests.chaos.views import Topics

PATIENCE = 120.0  # s
_A_DAY = 86_400_000  # ms


class Aftermath:
    """Ends one trial and reads its topics."""

    def __init__(self, properties: Mapping[str, Any], settings: Settings, watcher: Watcher) -> None:
        """Take what names the topics, and the consumer that looked on."""
        self._properties = dict(properties)
        self._admin = AdminClient({**properties, "log_level": 3})
        self._prefix = settings.topic_prefix
        self._partitions = settings.partitions
        self._group = settings.decide_group
        self._watcher = watcher

    def drain(self, feed: Feed) -> list[str]:
        """Let days pass in every partition, and see all of it committed; return what came to nothing.

        After one day no window is open; after the other none waits for late items.
        """
        now = time.time_ns() // 1_000_000
        for days in (1, 2):
            numbers = range(self._partitions)
            feed.send_last((one, last_record(f"last-{days}-{one}", now + days * _A_DAY)) for one in numbers)
        if not _in_time(self._committed):
            return ["the deciders did not commit the end of scores"]
        _, ends = edges(self._admin, self._prefix + "decisions", self._partitions)
        if not _in_time(lambda: self._watcher.reached(ends)):
            return ["the consumer that looked on did not reach the end of decisions"]
        return []

    def _committed(self) -> bool:
        _, ends = edges(self._admin, self._prefix + "scores", self._partitions)
        found = committed(self._properties, self._group, self._prefix + "scores", self._partitions)
        return all(found.get(number, (0, ""))[0] == end for number, end in ends.items())

    def topics(self, versions: Mapping[str, Policy]) -> tuple[Topics, list[str]]:
        """Return the topics, and how they differ from what the consumer saw that looked on all the time.

        The decisions are those that it saw: some may have been deleted since.
        """
        seen, problems = self._watcher.decisions, []
        starts, _ = edges(self._admin, self._prefix + "decisions", self._partitions)
        left = {(one.partition, one.offset): one.value for one in seen if one.offset >= starts[one.partition]}
        if left != {(one.partition, one.offset): one.value for one in self._whole("decisions")}:
            problems.append("the consumer that looked on saw other decisions than are there now")
        actions = {action: self._whole(action) for action in ACTIONS}
        if any(self._watcher.on_actions[action] != len(entries) for action, entries in actions.items()):
            problems.append("the consumer that looked on saw other counts on the actions' topics")
        return Topics(read_scores(self._whole("scores"), versions), seen, self._whole("latest"), actions), problems

    def _whole(self, name: str) -> list[Entry]:
        return read_whole(self._properties, self._prefix + name, self._partitions)


def _in_time(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True
