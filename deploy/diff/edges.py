"""Where a rule's action changes, and how far a score is from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

ACCEPT: Final = "accept"
REVIEW: Final = "review"
REJECT: Final = "reject"
ACTIONS: Final = (ACCEPT, REVIEW, REJECT)
_BANDS: Final = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Edges:
    """The action from each lower edge on, by rising edge; the first is 0. Neighbours have different actions."""

    bands: tuple[tuple[float, str], ...]

    @classmethod
    def of(cls, thresholds: Mapping[str, float], actions: Mapping[str, str]) -> Self:
        """Return the edges of a rule: of its labels' bands, those between which the action differs.

        Args:
            thresholds: the lower edges of the bands high, medium and low.
            actions: of each label.
        """
        bands = [(0.0, actions["rejected"]), *((thresholds[name], actions[name]) for name in _BANDS)]
        return cls(_merged(bands))

    def held_back(self) -> Self:
        """Return the edges for a head that is not calibrated: what it would reject goes to review."""
        return type(self)(_merged([(edge, REVIEW if action == REJECT else action) for edge, action in self.bands]))

    def action(self, score: float) -> str:
        """Return the action of a score in [0,1]; an edge belongs to the band above it."""
        return next(action for edge, action in reversed(self.bands) if score >= edge)

    def margin(self, low: float, high: float) -> float | None:
        """Return how far scores from `low` to `high` are from the nearest edge; None where no edge is.

        0 where an edge lies among them.
        """
        edges = [edge for edge, _ in self.bands[1:]]
        return min((max(low - edge, edge - high, 0.0) for edge in edges), default=None)

    @property
    def places(self) -> tuple[float, ...]:
        """The scores at which the action changes, rising."""
        return tuple(edge for edge, _ in self.bands[1:])


def _merged(bands: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    return (bands[0], *(after for before, after in pairwise(bands) if after[1] != before[1]))
