"""What scoring answers, one per item, and what it counts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scored:
    """An item with a score in [0,1]; see schemas.scores.ItemScored for the fields."""

    score: float
    reasons: tuple[str, ...]
    metrics: dict[str, float]
    scorer: str
    calibrated: bool
    embedding: str
    cached: bool
    flags: tuple[str, ...] = ()
    shadows: tuple[tuple[str, Scored | Failed], ...] = ()  # what candidates in shadow make of it, by their names


@dataclass(frozen=True, slots=True)
class Failed:
    """An item that cannot be scored; `cause` is a code that programs can use, `detail` is for people."""

    cause: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item that is not scored on purpose. Where a rule of a policy says so, `cause` is its name."""

    cause: str
    policy: str | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class Ruled:
    """An item that a rule of a policy answers by itself: it counts as score 0."""

    rule: str
    policy: str
    flags: tuple[str, ...] = ()
    duplicate_of: str | None = None


Result = Scored | Ruled | Failed | Skipped


@dataclass(slots=True)
class Effort:
    """What encoders and heads worked, in seconds of their thread, and how much of it was for canaries."""

    seconds: float = 0.0
    canary_seconds: float = 0.0
    canaries: int = 0

    def spent(self, seconds: float, items: int, canaries: int) -> None:
        """Count a batch: a canary takes as long as any other item in it."""
        self.seconds += seconds
        self.canary_seconds += seconds * canaries / max(1, items + canaries)
        self.canaries += canaries


class Counts:
    """What a scorer did since it was loaded; several threads may count.

    Names: scored, skipped, failed and failed/<cause>; ruled, rule/<name> of each rule that fired, whatever followed;
    decoded, encoder_calls, cache_hits and cache_misses, all in items; batches and bisections; metric_failed/<name> of
    each metric that has no proper value for an item.
    """

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._values[name]

    def add(self, **amounts: int) -> None:
        """Add to counters by name."""
        with self._lock:
            self._values.update(amounts)

    def answered(self, results: Iterable[object]) -> None:
        """Count those that are answers."""
        found: Counter[str] = Counter()
        for result in results:
            match result:
                case Scored():
                    found["scored"] += 1
                case Skipped():
                    found["skipped"] += 1
                case Ruled():
                    found["ruled"] += 1
                case Failed(cause=cause):
                    found.update(("failed", f"failed/{cause}"))
        with self._lock:
            self._values.update(found)

    def snapshot(self) -> dict[str, int]:
        """Return all counters that are not 0, by name."""
        with self._lock:
            return {name: count for name, count in sorted(self._values.items()) if count}
