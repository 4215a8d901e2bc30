"""What a gate remembers of the windows that were decided, so that none is decided twice.

A decision is known in full as long as its scores may be read again or answered by a revision. After that 8 bytes of it
are kept, for as long as the gate is told to remember: enough to see that a window is opened a second time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import count

import msgspec

from aggregation.spans import REOPENED, Key, key_of
from schemas import wire
from schemas.checkpoint import UnreadableDecisionError
from schemas.policy import MAX_LATE_MS, Late, Rule

FINAL = frozenset({"early", "memory"})
"""Causes after which no item changes a decision."""

NOT_KEPT = "answers_not_kept"
"""Reason of a decision that was made again, after a withdrawal, without all of the answers that it had."""

_LOOSE = 16_384  # fingerprints in a set, where each takes ten times as much
_LARGEST = 262_144  # to which arrays of them are merged, in some hundredths of a second
GENERATIONS = 8  # a fingerprint is dropped with all others of its eighth of the time that is remembered


class Known(msgspec.Struct, gc=False):
    """A decision that was made; of several revisions, the last."""

    first_offset: int
    through_offset: int
    revision: int
    action: str
    final: bool  # no item can change it, or none is left to change it with
    closed_at: int  # stream time, ms
    on_time: int  # answers in the window when it was decided first
    reopened: bool  # an earlier decision of it had been forgotten
    truncated: bool  # retention may have deleted records of it before they were read
    revised_until: int = 0  # stream time, ms, before which a late item revises it; 0: none does
    spent: tuple[int, int] = (-1, -1)  # offsets of the decision before it was begun anew, first and last
    renewed: bool = False  # decided again after a withdrawal, without the answers that it had


def known_for(late_ms: int, max_age_ms: int, *, final: bool) -> int:
    """Return for how long after its closing (ms of stream time) a decision is known in full.

    After one that no item can change, the other items of its parent still come, for as long as it would have been open.
    """
    return min(late_ms + max_age_ms, MAX_LATE_MS) if final else late_ms


class _Timings(msgspec.Struct, frozen=True):
    closed_at: int = 0


class _Counts(msgspec.Struct, frozen=True):
    scored: int
    failed: int
    skipped: int
    ruled: int = 0
    late: int = 0


class _Bounds(msgspec.Struct, frozen=True):
    """Of an early decision; what they are does not matter."""


class _Late(msgspec.Struct, frozen=True):
    rule: str = Late().rule
    allowed_ms: int = Late().allowed_ms


class _Rule(msgspec.Struct, frozen=True):
    late: _Late = _Late()
    max_age_ms: int = Rule().max_age_ms


class _Policy(msgspec.Struct, frozen=True):
    rule: _Rule


class _Decision(msgspec.Struct, frozen=True):
    """What recovery reads of a decision's record."""

    parent_id: str
    window: str
    revision: int
    action: str
    cause: str
    first_offset: int
    through_offset: int
    counts: _Counts
    timings: _Timings
    policy: _Policy
    reasons: tuple[str, ...] = ()
    bounds: _Bounds | None = None

    @property
    def final(self) -> bool:
        """Whether no item changes it; `reopened` and `truncated` stand in place of what closed it."""
        return self.cause in FINAL or self.bounds is not None or "memory" in self.reasons


_decoder = msgspec.json.Decoder(_Decision)


class DecidedWindows:
    """The windows of one partition that were decided, by key."""

    def __init__(self, remember_ms: int) -> None:
        """Know of none. `remember_ms` is for how long after its late time a decision is recognised, in stream time."""
        self.most: int | None = None  # known in full, before late times are cut short
        self._known: dict[Key, Known] = {}
        self._waiting: deque[tuple[int, int, Key]] = deque()  # forget at, through_offset, key
        self._past: list[tuple[int, int, int, Key]] = []  # those that are not read again: a number before the key
        self._number = count()
        self._fingerprints = _Fingerprints(max(1, remember_ms // GENERATIONS))

    def __len__(self) -> int:
        """How many are known in full."""
        return len(self._known)

    def find(self, key: Key) -> Known | None:
        """Return the last decision of a window."""
        return self._known.get(key)

    def learn(self, key: Key, known: Known, late_ms: int) -> None:
        """Remember a decision, in full until its late time is over; an older one than is known changes nothing."""
        before = self._known.get(key)
        if before is not None and known.revision > 0:
            anew = before.first_offset != known.first_offset
            known.renewed |= before.renewed or anew
            known.spent = (before.first_offset, before.through_offset) if anew else before.spent
        if before is None or before.through_offset <= known.through_offset:
            self._known[key] = known
            self._waiting.append((known.closed_at + late_ms, known.through_offset, key))

    def recall(self, decision: bytes) -> bool:
        """Learn of a decision from its record; return whether it is one.

        Raises:
            UnreadableDecisionError: it is one, and not as this version knows them: its window would be decided twice.
        """
        try:
            found = _decoder.decode(decision)
        except wire.UNREADABLE as error:
            if _says_that_it_is_a_decision(decision):
                raise UnreadableDecisionError(f"a decision on the log cannot be read: {error}") from error
            return False
        counts, late, closed_at = found.counts, found.policy.rule.late, found.timings.closed_at
        revises = late.rule == "revise" and not found.final
        known = Known(
            found.first_offset,
            found.through_offset,
            found.revision,
            found.action,
            found.final,
            closed_at,
            counts.scored + counts.ruled + counts.failed + counts.skipped - counts.late,
            REOPENED in found.window,
            found.cause == "truncated",
            closed_at + late.allowed_ms if revises else 0,
            renewed=NOT_KEPT in found.reasons,
        )
        kept_ms = known_for(late.allowed_ms, found.policy.rule.max_age_ms, final=found.final)
        self.learn(key_of(found.parent_id, found.window), known, kept_ms)
        return True

    def was_decided(self, key: Key) -> bool:
        """Whether a window that is not known in full was decided before."""
        return self._fingerprints.has(key)

    def forget(self, stream_time: int, low_watermark: int) -> None:
        """Keep no more than a fingerprint of what can be neither read again nor revised.

        Where more are known than there is room for, the late time of the oldest is cut short: a later item of theirs
        opens a window again. Windows that may be revised hold the watermark back, and so are not concerned.
        """
        waiting, past = self._waiting, self._past
        while waiting and waiting[0][1] < low_watermark:
            late_until, through, key = waiting.popleft()
            heappush(past, (late_until, through, next(self._number), key))
        while past and (past[0][0] <= stream_time or self._too_many()):
            late_until, through, _, key = heappop(past)
            known = self._known.get(key)
            if known is not None and known.through_offset == through:
                del self._known[key]
                self._fingerprints.add(key, late_until)
        self._fingerprints.expire(stream_time)

    def held_by(self, first_offset: int) -> bool:
        """Whether too many are known because a window that began at this offset keeps them from being forgotten."""
        most, waiting = self.most, self._waiting
        return most is not None and len(waiting) > most and self._too_many() and waiting[-most - 1][1] >= first_offset

    def _too_many(self) -> bool:
        return self.most is not None and len(self._known) > self.most


class _Typed(msgspec.Struct, frozen=True):
    type: str


_type_decoder = msgspec.json.Decoder(_Typed)


def _says_that_it_is_a_decision(record: bytes) -> bool:
    try:
        return _type_decoder.decode(record).type == "Decision"
    except wire.UNREADABLE:
        return False


class _Fingerprints:
    """Eight bytes for each key, in generations by time, but for the last few thousand."""

    def __init__(self, span_ms: int) -> None:
        self._span = span_ms
        self._sealed: deque[tuple[int, array[int]]] = deque()  # generation, sorted
        self._current: set[int] = set()
        self._generation = 0

    def add(self, key: Key, time: int) -> None:
        generation = time // self._span
        if generation > self._generation:
            self._seal()
            self._generation = generation
        self._current.add(_fingerprint(key))
        if len(self._current) >= _LOOSE:
            self._seal()

    def has(self, key: Key) -> bool:
        if not self._current and not self._sealed:
            return False
        wanted = _fingerprint(key)
        return wanted in self._current or any(_holds(sealed, wanted) for _, sealed in self._sealed)

    def expire(self, time: int) -> None:
        oldest = time // self._span - GENERATIONS
        while self._sealed and self._sealed[0][0] < oldest:
            self._sealed.popleft()
        if self._current and self._generation < oldest:
            self._current.clear()

    def _seal(self) -> None:
        """Move the loose ones into a sorted array; arrays of one generation grow together, so that there are few."""
        if not self._current:
            return
        found = sorted(self._current)
        self._current = set()
        while self._sealed and self._sealed[-1][0] == self._generation:
            last = self._sealed[-1][1]
            if not len(last) <= len(found) < _LARGEST:
                break
            found = sorted([*last, *found])
            self._sealed.pop()
        self._sealed.append((self._generation, array("Q", found)))


def _fingerprint(key: Key) -> int:
    text = key if isinstance(key, str) else "\n".join(key)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _holds(ordered: array[int], wanted: int) -> bool:
    place = bisect_left(ordered, wanted)
    return place < len(ordered) and ordered[place] == wanted
