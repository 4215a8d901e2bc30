"""What the watch on the model knows, for health checks and metrics on other threads."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

from workers.watch.judge import Finding

HOLD_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # s


@dataclass(slots=True)
class HoldTimes:
    """How long answers waited for canaries, as a histogram."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(HOLD_BUCKETS) + 1))
    total: float = 0.0

    def waited(self, seconds: float) -> None:
        """Count one answer."""
        self.counts[bisect_left(HOLD_BUCKETS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Status:
    """Where the watch stands. One thread writes; each field is replaced as a whole.

    Attributes:
        halted: why nothing is scored, for people; empty while the model is trusted.
        held: answers that wait for canaries.
        withdrawn: answers that went out and were taken back, for their items to be scored again.
        dropped: answers that a failed round has taken back, for their items to be read again.
        passed: rounds whose canaries all scored as recorded.
        failed: the other rounds.
        repairs: times that encoders and heads were loaded again.
        findings: the last one of each kind.
        passed_at: when the canaries of each kind passed last, monotonic s.
        times: how long answers waited.
    """

    halted: str = ""
    held: int = 0
    dropped: int = 0
    withdrawn: int = 0
    passed: int = 0
    failed: int = 0
    repairs: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    passed_at: dict[str, float] = field(default_factory=dict)
    times: HoldTimes = field(default_factory=HoldTimes)
