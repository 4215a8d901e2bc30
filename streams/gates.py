"""What the exactly-once loop needs of a gate; it knows nothing of what a gate decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.checkpoint import Checkpoint
from streams.topics import TopicNames

Records = Iterable[tuple[int, bytes | None]]
"""Records of `scores`: offset and value."""


class Withdrawal(Protocol):
    """The word that an earlier decision no longer holds."""

    @property
    def action(self) -> str:
        """Name of the topic that the earlier decision was sent to."""

    @property
    def value(self) -> bytes:
        """The record."""


class Verdict(Protocol):
    """A decision that is ready to be sent."""

    @property
    def key(self) -> bytes:
        """Key of the record: the parent id."""

    @property
    def action(self) -> str:
        """Name of the topic that it is sent to, beside the log."""

    @property
    def cause(self) -> str:
        """What brought it about, as a code; for counting alone."""

    @property
    def value(self) -> bytes:
        """The record."""

    @property
    def withdrawal(self) -> Withdrawal | None:
        """Goes with a decision that has another action than the one it replaces."""


class Unreadable(Protocol):
    """A record of `scores` that is not one of ours."""

    @property
    def offset(self) -> int:
        """Where it is."""

    @property
    def detail(self) -> str:
        """What is wrong with it."""


class Gate(Protocol):
    """The state of one partition: a function of its records alone, thrown away with the ownership of the partition."""

    @property
    def position(self) -> int:
        """Offset of the next record to be applied."""

    @property
    def stream_time(self) -> int:
        """Largest broker append time of an item seen so far, in ms."""

    @property
    def ready(self) -> int:
        """How many verdicts wait to be taken."""

    def recall(self, decision: bytes) -> bool:
        """Learn of a decision that was made; return whether it is one."""

    def apply(self, records: Records, now: int) -> Sequence[Unreadable]:
        """Take records, each with its offset, in their order; return those that cannot be read."""

    def take(self, limit: int) -> Sequence[Verdict]:
        """Hand over the verdicts that wait, `limit` at most."""

    def checkpoint(self) -> Checkpoint:
        """Return where a successor has to begin, once what was taken so far is committed."""

    def next_deadline(self) -> int | None:
        """Return the stream time (ms) at which the next window is due."""

    def close_due(self, time: int, now: int) -> None:
        """Close what is due at a stream time (ms) that the partition itself has not reached."""


MakeGate = Callable[[int, Checkpoint], Gate]


class Notify(Protocol):
    """Told of what happens in a loop, for logs and metrics."""

    def __call__(self, event: str, **fields: Any) -> None:
        """Take one event with its fields."""


@dataclass(slots=True)
class Owned:
    """A partition that is ours and recovered."""

    partition: int
    gate: Gate
    decisions_from: int
    committed: Checkpoint | None = None
    dead: list[dict[str, Any]] = field(default_factory=list)  # dead letters that wait for the next transaction


@dataclass(frozen=True, slots=True)
class DecideSettings:
    """How a decider takes part in its group."""

    names: TopicNames
    partitions: int
    group: str
    score_group: str
    transactional_id: str
    remember_ms: int = 86_400_000  # for how long after its late time a decision is recognised, in stream time
