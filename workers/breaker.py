"""A circuit breaker. Time comes in as an argument."""

from __future__ import annotations


class Breaker:
    """Opens after some failures in a row and lets one call through after a pause that doubles up to a limit."""

    def __init__(self, failures: int = 3, pause_seconds: float = 1.0, longest_seconds: float = 30.0) -> None:
        self._limit = failures
        self._shortest = pause_seconds
        self._longest = longest_seconds
        self._pause = pause_seconds
        self._failures = 0
        self._until = float("-inf")

    def is_open(self, now: float) -> bool:
        """Return whether calls should be left out at `now` (seconds)."""
        return now < self._until

    def failed(self, now: float) -> None:
        """Count a failure; open when there were too many, and again at once when the trial call fails."""
        self._failures += 1
        if self._failures >= self._limit:
            self._until = now + self._pause
            self._pause = min(2 * self._pause, self._longest)

    def succeeded(self) -> None:
        """Close, and forget the failures."""
        self._failures = 0
        self._pause = self._shortest
        self._until = float("-inf")
