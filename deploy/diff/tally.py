"""Counts of what differs, of a kind and source or of all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from deploy.diff.flips import Flip, Move


@dataclass(slots=True)
class Tally:
    """Counts of one kind and source, or of all.

    Attributes:
        moves: Windows by their actions before and after, those without a change among them.
        near: Flips within the replay's epsilon of a threshold.
        wall_clock: Flips of windows that the wall clock had closed live, where no side is live.
        unscored: Flips where something else than the score decided on one side.
        relabelled: Windows of the same action and of another label.
        moved: Windows whose score is another.
        apart: Windows that the wall clock closed live, by their actions; they are in none of the counts above.
        only: Windows that one side alone has, before and after.
        scored: Windows with a score on both sides.
        sums: Sums of those scores, before and after.
    """

    moves: Counter[Move] = field(default_factory=Counter)
    near: int = 0
    wall_clock: int = 0
    unscored: int = 0
    relabelled: int = 0
    moved: int = 0
    apart: Counter[Move] = field(default_factory=Counter)
    only: list[int] = field(default_factory=lambda: [0, 0])
    scored: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @property
    def compared(self) -> int:
        """How many windows were compared."""
        return self.moves.total()

    @property
    def flips(self) -> int:
        """How many of them have another action."""
        return sum(count for (before, after), count in self.moves.items() if before != after)

    @property
    def share(self) -> float:
        """The share of flips among those compared; 0 where nothing was."""
        return self.flips / self.compared if self.compared else 0.0

    @property
    def set_apart(self) -> int:
        """How many windows the wall clock had closed live."""
        return self.apart.total()

    @property
    def apart_flips(self) -> int:
        """How many of those have another action."""
        return sum(count for (before, after), count in self.apart.items() if before != after)

    @property
    def shift(self) -> float | None:
        """The mean change of the score; None where no window has one on both sides."""
        return (self.sums[1] - self.sums[0]) / self.scored if self.scored else None

    def towards(self, action: str) -> int:
        """Return how many flips end with an action, less those that begin with it."""
        gained = sum(count for (before, after), count in self.moves.items() if after == action != before)
        return gained - sum(count for (before, after), count in self.moves.items() if before == action != after)

    def changes(self) -> list[tuple[Move, int]]:
        """Return the flips by their move, the most frequent first."""
        found = [(move, count) for move, count in self.moves.items() if move[0] != move[1] and count]
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def take(self, pair: Flip) -> None:
        """Count a window that is on both sides."""
        before, after = pair.before, pair.after
        self.moves[pair.move] += 1
        self.near += bool(pair.steps) and pair.near
        self.wall_clock += bool(pair.steps) and (before.wall_clock or after.wall_clock)
        self.unscored += bool(pair.steps) and not (before.by_score and after.by_score)
        self.relabelled += not pair.steps and before.label != after.label
        self.moved += before.score != after.score
        if before.score is not None and after.score is not None:
            self.scored += 1
            self.sums[0] += before.score
            self.sums[1] += after.score

    def add(self, other: Tally) -> None:
        """Take what another one counted."""
        self.moves += other.moves
        self.apart += other.apart
        for name in ("near", "wall_clock", "unscored", "relabelled", "moved", "scored"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for place in (0, 1):
            self.only[place] += other.only[place]
            self.sums[place] += other.sums[place]
