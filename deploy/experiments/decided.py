"""Decisions as an experiment looks at them: the last one of the first window of each parent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
from confluent_kafka import Message

from schemas.experiments import Arm
from streams import clients
from streams.history import read_whole


class _Counts(msgspec.Struct, frozen=True, gc=False):
    scored: int
    failed: int
    skipped: int
    ruled: int = 0
    remaining: int = 0


class Drawn(msgspec.Struct, frozen=True, gc=False):
    """See `schemas.decisions.ArmRef`."""

    name: str
    share: float
    arm: Arm


class _Rule(msgspec.Struct, frozen=True, gc=False):
    bad_below: float = 0.5


class _Policy(msgspec.Struct, frozen=True, gc=False):
    name: str
    version: int
    digest: str
    rule: _Rule
    experiment: Drawn | None = None


class _Timings(msgspec.Struct, frozen=True, gc=False):
    first_item_at: int
    decided_at: int


class Seen(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="Decision"):
    """What matters here of `schemas.decisions.Decision`."""

    parent_id: str
    kind: str
    window: str
    action: str
    cause: str
    counts: _Counts
    policy: _Policy
    timings: _Timings
    revision: int = 0
    reasons: tuple[str, ...] = ()
    scorers: tuple[str, ...] = ()

    @property
    def items(self) -> int:
        """How many items it rests on, or would have."""
        counts = self.counts
        return counts.scored + counts.failed + counts.skipped + counts.ruled + counts.remaining


_decoder = msgspec.json.Decoder(Seen)


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions of one topic.

    Attributes:
        parents: one decision a parent: windows of one parent are not independent of each other, so the first counts.
        further: how many decisions about further windows were left out.
    """

    parents: dict[str, Seen] = field(default_factory=dict)
    further: int = 0


def read_decided(
    properties: clients.Properties, topic: str, partitions: int, advance: Callable[[int], None]
) -> Decided:
    """Read a log of decisions.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    return decided(_seen(read_whole(properties, topic, partitions), advance))


def decided(found: Iterable[Seen]) -> Decided:
    """Return the last revision of the first window of each parent."""
    last: dict[tuple[str, str], Seen] = {}
    for one in found:
        before = last.get((one.parent_id, one.window))
        if before is None or one.revision >= before.revision:
            last[one.parent_id, one.window] = one
    parents: dict[str, Seen] = {}
    for one in last.values():
        first = parents.get(one.parent_id)
        if first is None or _place(one) < _place(first):
            parents[one.parent_id] = one
    return Decided(parents, len(last) - len(parents))


def _place(one: Seen) -> tuple[int, str]:
    return one.timings.first_item_at, one.window


def _seen(messages: Iterable[Message], advance: Callable[[int], None]) -> Iterator[Seen]:
    for message in messages:
        advance(1)
        value = message.value()
        try:
            yield _decoder.decode(value if isinstance(value, bytes) else b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # somebody else's record
