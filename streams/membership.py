"""Whether a scoring loop takes part in its group: it stays out of it while its worker is not to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from confluent_kafka import Consumer

from streams.gates import Notify


class Membership:
    """Joins a group, and steps back from it for as long as the worker says so.

    Stepping back gives all partitions to the other replicas, with everything that was not answered.
    """

    def __init__(
        self, consumer: Consumer, topic: str, halted: Callable[[], str], tracked: Collection[int], notify: Notify
    ) -> None:
        """Begin outside.

        Args:
            consumer: subscribes and unsubscribes.
            topic: what to read.
            halted: says why the worker is not to be trusted; empty while it is.
            tracked: the partitions that are not given up yet.
            notify: told of each step.
        """
        self._consumer = consumer
        self._topic = topic
        self._halted = halted
        self._tracked = tracked
        self._notify = notify
        self._callbacks: dict[str, Any] = {}
        self._member = False

    @property
    def halted(self) -> str:
        """Why the loop is not in its group, or is about to leave it; empty while it takes part."""
        return self._halted()

    def begin(self, **callbacks: Any) -> None:
        """Join, unless the worker is not to be trusted; the callbacks are those of `Consumer.subscribe`."""
        self._callbacks = callbacks
        self.follow()

    def follow(self) -> None:
        """Step back, or join again. Partitions are given up within a later poll, and until then nothing is joined."""
        why = self.halted
        if self._member and why:
            self._member = False
            self._consumer.unsubscribe()
            self._notify("stepped_back", why=why)
        elif not self._member and not why and not self._tracked:
            self._member = True
            self._consumer.subscribe([self._topic], **self._callbacks)
