"""Moves the place in the log of decisions that recovery reads from, as decisions are forgotten.

A decision of a window that was open after the low watermark was appended later than the item at the low watermark. So
what the brokers appended long enough before that item's time is needed by nobody: its scores cannot be read again, and
the longest late time that a policy may allow is over, and after it the time for which a gate recognises a decision. No
offset has to be noted for that, since the log is in the order of the brokers' clock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.policy import MAX_LATE_MS
from streams import clients, offsets
from streams.gates import DecideSettings, Owned

_log = logging.getLogger("sluice.decide")
_EVERY = 60.0  # s
_CLOCKS_DIFFER = 60_000  # ms; by which the clocks of two brokers may


class LogStart:
    """Looks once a minute how far the start of the log of decisions, as recovery needs it, can move."""

    def __init__(self, properties: clients.Properties, settings: DecideSettings, every: float = _EVERY) -> None:
        """Ask nothing yet. `every` is the time between looks, in s."""
        self._admin: AdminClient = clients.admin(properties)
        self._topic = settings.names.decisions
        self._needed_ms = settings.remember_ms + MAX_LATE_MS + _CLOCKS_DIFFER
        self._every = every
        self._looked = time.monotonic()

    def advance(self, owned: Collection[Owned]) -> None:
        """Move it for the partitions that are ours and recovered; it goes with the next offsets that are committed."""
        if time.monotonic() - self._looked < self._every:
            return
        self._looked = time.monotonic()
        times = {
            one.partition: one.committed.stream_time - self._needed_ms for one in owned if one.committed is not None
        }
        wanted = {number: time_ms for number, time_ms in times.items() if time_ms > 0}
        try:
            found = offsets.at_times(self._admin, self._topic, wanted)
        except KafkaException as exception:  # it is no hurry
            _log.info("the log of decisions is still read from where it was: %s", exception.args[0])
            return
        for one in owned:
            one.decisions_from = max(one.decisions_from, found.get(one.partition, 0))
