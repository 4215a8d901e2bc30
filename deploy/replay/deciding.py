"""One partition of a replay through the gate, by stream time alone: the same records give the same decisions."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from aggregation import PartitionGate
from aggregation.spans import REOPENED
from aggregation.verdict import Verdict
from deploy.replay.live import Key, LiveLog
from deploy.replay.ranges import holds
from schemas import wire
from streams.replaying import Chunk

EXPIRED: Final = "expired"
"""The cause of an item that retention has deleted: it has no score."""

EARLY: Final = "decided_early"
"""The cause of an item that nobody has scored, since its parent had been decided early."""

_SKIPPED: Final = b"ItemSkipped"
_AT_ONCE: Final = 10_000  # decisions that are handed on
_FOR_EVER: Final = 2**62  # ms
_NOT_YET: Final = b'"decided_at":0}'  # as the gate writes it where the clock stands at 0


class _Thresholds(msgspec.Struct, frozen=True):
    high: float
    medium: float
    low: float


class _Rule(msgspec.Struct, frozen=True):
    thresholds: _Thresholds


class _Policy(msgspec.Struct, frozen=True):
    rule: _Rule


class _Timings(msgspec.Struct, frozen=True):
    closed_at: int


class _Decided(msgspec.Struct, frozen=True):
    parent_id: str
    window: str
    revision: int
    kind: str
    source: str
    action: str
    cause: str
    first_offset: int
    through_offset: int
    policy: _Policy
    timings: _Timings
    label: str | None = None
    score: float | None = None


_decoder = msgspec.json.Decoder(_Decided)


@dataclass(slots=True)
class Tallies:
    """What came of one partition."""

    counts: Counter[str] = field(default_factory=Counter)
    by_clock: set[Key] = field(default_factory=set)  # windows that the wall clock closed in the live run


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a partition is wanted."""

    sources: frozenset[str]  # empty: all
    epsilon: float
    to_ms: int

    def has(self, source: str) -> bool:
        """Whether a source's parents are decided."""
        return not self.sources or source in self.sources


class Deciding:
    """Lets a gate decide the records of a span, and makes rows of its decisions."""

    def __init__(self, gate: PartitionGate, live: LiveLog, choice: Choice, partition: int) -> None:
        """Take a gate that has recalled what was decided before the span."""
        self.tallies = Tallies()
        self._gate = gate
        self._live = live
        self._choice = choice
        self._partition = partition
        self._next_idle = 0
        self._expired: dict[str, list[tuple[int, int, int]]] = defaultdict(list)  # offset, index, time

    def rows(self, chunks: Iterable[Chunk]) -> Iterator[list[dict[str, Any]]]:
        """Yield rows of decisions, as `folder.DECISIONS` and with what they withdraw, some thousands at a time."""
        for chunk in chunks:
            self._apply(chunk.records)
            self._gate.checkpoint()  # forgets, at the same offsets in each run
            while self._gate.ready >= _AT_ONCE:
                yield self._taken(_AT_ONCE)
        self._gate.close_due(self._choice.to_ms, 0)
        while self._gate.ready:
            yield self._taken(_AT_ONCE)
        self._count_open()

    def _note_skipped(self, records: list[tuple[int, bytes | None]]) -> None:
        """Note the items that retention has deleted, and count those that an early decision left without a score."""
        for offset, value in records:
            if value is None or _SKIPPED not in value:
                continue
            one = _skipped(value)
            if one is not None and one.cause == EXPIRED:
                time = one.appended_at if one.item_time is None else one.item_time
                self._expired[one.parent_id].append((offset, one.index, time))
            elif one is not None and one.cause == EARLY:
                self.tallies.counts["skipped_early"] += self._choice.has(one.source)

    def _apply(self, records: list[tuple[int, bytes | None]]) -> None:
        """Apply records; look at the stream time wherever a live decision may have been the wall clock's."""
        self._note_skipped(records)
        idle, offsets = self._live.idle, [offset for offset, _ in records]
        done = 0
        while self._next_idle < len(idle) and offsets and idle[self._next_idle][0] <= offsets[-1]:
            through, closed_at, key = idle[self._next_idle]
            upto = bisect_right(offsets, through)
            self._feed(records[done:upto])
            done = max(done, upto)
            if closed_at > self._gate.stream_time:
                self.tallies.by_clock.add(key)
            self._next_idle += 1
        self._feed(records[done:])
        self.tallies.counts["records"] += len(records)

    def _feed(self, records: list[tuple[int, bytes | None]]) -> None:
        if records:
            self.tallies.counts["unreadable"] += len(self._gate.apply(records, 0))

    def _taken(self, limit: int) -> list[dict[str, Any]]:
        rows = (self._row(verdict) for verdict in self._gate.take(limit))
        return [row for row in rows if row is not None]

    def _row(self, verdict: Verdict) -> dict[str, Any] | None:
        one = _decoder.decode(verdict.value)
        if not self._choice.has(one.source):
            return None
        if self._live.began_before(one.parent_id, one.window):
            self._live.left_out.add(one.parent_id)
            return None
        near = self._near(one)
        counts, key = self.tallies.counts, (one.parent_id, one.window.partition(REOPENED)[0])
        counts["decisions"] += 1
        counts[one.action] += 1
        counts["near"] += near
        counts["not_live"] += not self._live.has(key)
        withdrawn = verdict.withdrawal
        return {
            **{name: getattr(one, name) for name in ("parent_id", "window", "revision", "kind", "source", "action")},
            **{name: getattr(one, name) for name in ("label", "score", "cause")},
            "wall_clock": False,
            "near": near,
            "expired": self._expired_in(one),
            "partition": self._partition,
            "decision": _closed(verdict.value, one.timings.closed_at).decode(),
            "withdrawn_from": None if withdrawn is None else withdrawn.action,
            "withdrawal": None if withdrawn is None else withdrawn.value.decode(),
        }

    def _near(self, one: _Decided) -> bool:
        edges = one.policy.rule.thresholds
        if one.score is None:
            return False
        return any(abs(one.score - edge) <= self._choice.epsilon for edge in (edges.high, edges.medium, edges.low))

    def _expired_in(self, one: _Decided) -> int:
        return sum(
            one.first_offset <= offset <= one.through_offset and holds(one.window, index, time)
            for offset, index, time in self._expired.get(one.parent_id, ())
        )

    def _count_open(self) -> None:
        """Close the windows that are not due, to count them; what they would be is not told."""
        self._gate.close_due(_FOR_EVER, 0)
        still = [_decoder.decode(verdict.value) for verdict in self._gate.take(self._gate.ready)]
        self.tallies.counts["open"] += sum(self._choice.has(one.source) for one in still)


def _closed(value: bytes, closed_at: int) -> bytes:
    """Return a decision with the time of its closing as that of its making.

    Raises:
        ValueError: the gate has written another time than 0.
    """
    head, found, tail = value.partition(_NOT_YET)
    if not found:
        raise ValueError("a decision of a replay has a time of the wall clock")
    return head + b'"decided_at":%d}' % closed_at + tail


def _skipped(value: bytes) -> wire.ItemSkipped | None:
    try:
        record = wire.decode(value)
    except wire.UNREADABLE:
        return None
    return record if isinstance(record, wire.ItemSkipped) else None
