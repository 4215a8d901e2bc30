"""How the scores of each kind are spread, as figures that a template draws."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from aggregation import label_of
from deploy.report.data import Row
from schemas.policy import Label, Thresholds

BINS: Final = 25


@dataclass(frozen=True, slots=True)
class Chart:
    """The scores of one kind's items in bins of equal width over [0,1], and those of its parents."""

    kind: str
    bins: tuple[int, ...]
    parents: tuple[float, ...]
    thresholds: Thresholds
    median: float
    shares: dict[Label, int]  # items in each band

    @property
    def items(self) -> int:
        """How many items have a score."""
        return sum(self.bins)

    @property
    def bars(self) -> list[tuple[float, float, float]]:
        """Each bar's left edge, width and height, as shares of the chart."""
        most = max(self.bins, default=0) or 1
        return [(number / BINS, 1 / BINS, count / most) for number, count in enumerate(self.bins)]


def charts(rows: Sequence[Row]) -> list[Chart]:
    """Return a chart for each kind that has a score."""
    by_kind: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_kind[row.decision.kind].append(row)
    return [chart for kind, found in sorted(by_kind.items()) if (chart := _chart(kind, found)) is not None]


def _chart(kind: str, rows: Sequence[Row]) -> Chart | None:
    scores = [answer.score for row in rows for answer in row.answers if answer.score is not None]
    if not scores:
        return None
    counts = Counter(bin_of(score) for score in scores)
    thresholds = rows[0].decision.policy.rule.thresholds  # sources may differ: the first one's stand for the kind
    return Chart(
        kind=kind,
        bins=tuple(counts[number] for number in range(BINS)),
        parents=tuple(row.decision.score for row in rows if row.decision.score is not None),
        thresholds=thresholds,
        median=median(scores),
        shares=_shares(scores, thresholds),
    )


def bin_of(score: float) -> int:
    """Return the bin of a score in [0,1]; the last one has both of its edges."""
    return min(BINS - 1, int(score * BINS))


def _shares(scores: Sequence[float], thresholds: Thresholds) -> dict[Label, int]:
    found = Counter(label_of(score, thresholds) for score in scores)
    return {label: found[label] for label in Label}
