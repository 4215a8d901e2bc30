"""A window on both sides: what differs, why, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from deploy.diff.edges import ACTIONS
from deploy.diff.said import Key, Said

Move = tuple[str, str]
"""From which action to which."""

Group = tuple[str, str]
"""Kind and source."""

SCORE: Final = "score"
THRESHOLDS: Final = "thresholds"
REASONS: Final = "reasons"
ITEMS: Final = "items"
EARLY: Final = "early"  # a cause: decided by what the score could still become
CAUSES: Final = {
    SCORE: "its score moved over an edge",
    THRESHOLDS: "an edge of the policy moved over its score",
    REASONS: "something else than the score decided on one side",
    ITEMS: "the window holds other items, or was closed elsewhere",
}
"""What can be behind a flip, in words."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A window on both sides; where the actions are the same it is no flip, and `steps` is 0."""

    before: Said
    after: Said

    @property
    def move(self) -> Move:
        """From which action to which."""
        return self.before.action, self.after.action

    @property
    def group(self) -> Group:
        """Kind and source."""
        return self.before.kind, self.before.source

    @property
    def margin(self) -> float | None:
        """How far the nearer of both scores is from an edge of its action; None where one of them did not decide."""
        both = (self.before.margin, self.after.margin)
        return None if both[0] is None or both[1] is None else min(both[0], both[1])

    @property
    def near(self) -> bool:
        """Whether one of both scores is within the replay's epsilon of a threshold."""
        return self.before.near or self.after.near

    @property
    def because(self) -> tuple[str, ...]:
        """What is behind it: see `CAUSES`. Where scores decided, it is what alone would have made another action."""
        before, after = self.before, self.after
        found = []
        if before.by_score and after.by_score and EARLY not in {before.cause, after.cause}:
            found += self._decisive(before.score or 0.0, after.score or 0.0)
        else:
            others = any(getattr(before.terms, one) != getattr(after.terms, one) for one in ("edges", "soft_edges"))
            found += [SCORE] * (before.score != after.score) + [THRESHOLDS] * others
            found += [REASONS] * (not (before.by_score and after.by_score))
        others = (before.through_offset, before.scored) != (after.through_offset, after.scored)
        return (*found, *[ITEMS] * others)

    def _decisive(self, before: float, after: float) -> list[str]:
        action = self.before.action
        by_score = self.before.edges.action(after) != action
        by_edges = self.after.edges.action(before) != action
        alone = [name for name, holds in ((SCORE, by_score), (THRESHOLDS, by_edges)) if holds]
        return alone or ([SCORE, THRESHOLDS] if self.steps else [])

    @property
    def steps(self) -> int:
        """How far apart both actions are: 2 between accept and reject."""
        return abs(ACTIONS.index(self.before.action) - ACTIONS.index(self.after.action))

    def order(self) -> tuple[bool, int, bool, float, Key]:
        """Return what puts flips in order: the surest first.

        Those near a threshold come last; of the others first those between accept and reject, then those that their
        scores decided, then those far from an edge.
        """
        return self.near, -self.steps, self.margin is None, -(self.margin or 0.0), self.before.key
