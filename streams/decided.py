"""Parents whose decision left early, learnt from `decisions`: no remaining item of theirs has to be scored.

What is not known here costs work and nothing else: the answer to an item of a parent that is decided is only counted.
So a follower begins at the end of the topic, forgets, and fails, and scoring goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams import clients, offsets
from streams.gates import Notify

MOST_PARENTS: Final = 100_000  # about 20 MB with ids of 100 characters
KEPT_SECONDS: Final = 3_600.0  # at most; as long as a parent stays open by default
_EARLY: Final = "early"
_BATCH = 2_000
_POLL_SECONDS = 0.2
_RETRY_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
_BEGIN_SECONDS = 5.0
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


class _Late(msgspec.Struct, frozen=True, gc=False):
    allowed_ms: int


class _Rule(msgspec.Struct, frozen=True, gc=False):
    late: _Late
    max_age_ms: int


class _Policy(msgspec.Struct, frozen=True, gc=False):
    rule: _Rule


class _Decision(msgspec.Struct, frozen=True, gc=False):
    """What matters here of `schemas.decisions.Decision`."""

    parent_id: str
    cause: str
    policy: _Policy | None = None

    @property
    def known_seconds(self) -> float:
        """For how long a decider knows it, at least; a later item is one of a window that is opened again."""
        if self.policy is None:
            return KEPT_SECONDS
        rule = self.policy.rule
        return (rule.late.allowed_ms + rule.max_age_ms) / 1000


_decoder = msgspec.json.Decoder(_Decision)


class DecidedParents:
    """The parents that were decided early, for a while. One thread adds, any thread asks."""

    def __init__(
        self,
        *,
        most: int = MOST_PARENTS,
        kept_seconds: float = KEPT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know of none.

        Args:
            most: how many are kept; of more, the oldest are forgotten.
            kept_seconds: how long each is kept after its decision was read.
            clock: seconds that only ever grow.
        """
        self._until: dict[str, float] = {}  # the oldest first
        self._most = most
        self._kept_seconds = kept_seconds
        self._clock = clock

    def __contains__(self, parent_id: object) -> bool:
        until = self._until.get(parent_id) if isinstance(parent_id, str) else None
        return until is not None and self._clock() < until

    def __len__(self) -> int:
        return len(self._until)

    def learn(self, decisions: Iterable[bytes | None]) -> None:
        """Take records of `decisions`; what is no early decision changes nothing."""
        for value in decisions:
            try:
                found = _decoder.decode(value or b"")
            except _UNREADABLE:
                continue
            if found.cause == _EARLY:
                self._add(found.parent_id, min(self._kept_seconds, found.known_seconds))
        self._expire()

    def _add(self, parent_id: str, seconds: float) -> None:
        self._until.pop(parent_id, None)  # so that the order stays that of age
        self._until[parent_id] = self._clock() + seconds
        if len(self._until) > self._most:
            del self._until[next(iter(self._until))]

    def _expire(self) -> None:
        now = self._clock()
        while self._until and self._until[oldest := next(iter(self._until))] <= now:
            del self._until[oldest]


class EarlyDecisions:
    """Follows `decisions` from its end, on a thread of its own, as long as the block lasts."""

    def __init__(self, properties: clients.Properties, topic: str, partitions: int, notify: Notify) -> None:
        """Name what is followed: all partitions, since a worker's own change. Nothing is read before the block."""
        self.parents = DecidedParents()
        self._properties = properties
        self._topic = topic
        self._partitions = partitions
        self._notify = notify
        self._begun = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluice-decided", daemon=True)

    def __enter__(self) -> Self:
        """Begin; return when no later decision is missed, or without waiting longer for brokers that do not answer."""
        self._thread.start()
        self._begun.wait(_BEGIN_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 (whatever it is, scoring goes on without)
                self._notify("decisions_not_followed", error=f"{type(error).__name__}: {error}")
                self._stopped.wait(_RETRY_SECONDS)

    def _follow(self) -> None:
        admin = clients.admin(self._properties)
        consumer = clients.reader(self._properties)
        try:
            ends = offsets.ends(admin, self._topic, range(self._partitions))
            consumer.assign([TopicPartition(self._topic, number, end) for number, end in ends.items()])
            self._begun.set()
            while not self._stopped.is_set():
                self._read(consumer)
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> None:
        first = consumer.consume(1, timeout=_POLL_SECONDS)
        messages = [*first, *consumer.consume(_BATCH, timeout=0)] if first else []
        for message in messages:
            error = message.error()
            if error is not None:
                raise KafkaException(error)
        self.parents.learn(message.value() for message in messages)
