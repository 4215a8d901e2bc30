"""How scores are spread on both sides, and how they moved: figures of one kind, and what is drawn of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.diff.compare import Scores
from deploy.diff.said import Said

Values = NDArray[np.float64]
Bins = NDArray[np.int64]
BINS: Final = 25


@dataclass(frozen=True, slots=True)
class Spread:
    """The scores of a kind on both sides.

    Attributes:
        counts: Of the windows in bins of equal width over [0,1], before and after.
        medians: Before and after; None where a side has no score.
        distance: Of Kolmogorov and Smirnov: the largest gap between both cumulative distributions, in [0,1].
        edges: Scores at which an action changes, before and after; sources may differ.
        same: Windows on both sides by the bins of both scores (before, after), of the same action; (BINS, BINS).
        flipped: The same for those of another action.
    """

    kind: str
    counts: tuple[tuple[int, ...], tuple[int, ...]]
    medians: tuple[float | None, float | None]
    distance: float | None
    edges: tuple[tuple[float, ...], tuple[float, ...]]
    same: tuple[tuple[int, ...], ...]
    flipped: tuple[tuple[int, ...], ...]

    @property
    def moved(self) -> bool:
        """Whether any window's score changed its bin."""
        whole = np.array(self.same) + np.array(self.flipped)
        return bool(whole.sum() != np.trace(whole))


def spread(kind: str, scores: Scores, sides: tuple[Iterable[Said], Iterable[Said]]) -> Spread:
    """Return how the scores of a kind are spread.

    Args:
        kind: of the windows.
        scores: theirs.
        sides: what both sides say, for their edges.
    """
    before, after = (np.frombuffer(side, np.float64) for side in scores.sides)
    flipped = np.frombuffer(scores.flipped, np.int8).astype(bool)
    bins = [_bins(np.frombuffer(side, np.float64)) for side in scores.pairs]
    return Spread(
        kind,
        (_counts(before), _counts(after)),
        (_median(before), _median(after)),
        _gap(before, after) if len(before) and len(after) else None,
        (_edges(kind, sides[0]), _edges(kind, sides[1])),
        _table(bins[0][~flipped], bins[1][~flipped]),
        _table(bins[0][flipped], bins[1][flipped]),
    )


def _bins(values: Values) -> Bins:
    return np.minimum((values * BINS).astype(np.int64), BINS - 1)


def _counts(values: Values) -> tuple[int, ...]:
    return tuple(np.bincount(_bins(values), minlength=BINS).tolist())


def _median(values: Values) -> float | None:
    return float(np.median(values)) if len(values) else None


def _gap(before: Values, after: Values) -> float:
    """Return the largest distance of both empirical distribution functions (Smirnov 1939)."""
    places = np.concatenate([before, after])
    below = [np.searchsorted(np.sort(side), places, side="right") / len(side) for side in (before, after)]
    return float(np.abs(below[0] - below[1]).max())


def _edges(kind: str, side: Iterable[Said]) -> tuple[float, ...]:
    own = {said.terms.edges for said in side if said.kind == kind}
    return tuple(sorted({place for edges in own for place in edges.places}))


def _table(before: Bins, after: Bins) -> tuple[tuple[int, ...], ...]:
    found = np.bincount(before * BINS + after, minlength=BINS * BINS).reshape(BINS, BINS)
    return tuple(tuple(row) for row in found.tolist())
