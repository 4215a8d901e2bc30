"""Thresholds without a guarantee, to be shown beside the one with: percentile, expected cost, review capacity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.guarantee.errors import GuaranteeError
from workers.guarantee.sample import Array, Bools, Sample


@dataclass(frozen=True, slots=True)
class Costs:
    """What accepting a bad parent, rejecting a good one and reviewing one cost, in one unit."""

    false_accept: float
    false_reject: float
    review: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """A way of cutting: accepted from `threshold` on, rejected below `reject_below`, reviewed between.

    None means that nothing is accepted, or nothing rejected. The shares are of all parents, estimated from the labels;
    `risk` is the share of bad ones among the accepted, None where nothing is; `cost` is a parent's, on average.
    """

    name: str
    threshold: float | None
    reject_below: float | None
    accepted: float
    reviewed: float
    rejected: float
    risk: float | None
    cost: float | None
    words: str


def by_percentile(sample: Sample, share: float) -> Alternative:
    """Return the threshold that accepts at most this share of all parents. It fixes the pass rate, and no risk.

    Raises:
        GuaranteeError: there are no labels, or the share is not within [0,1].
    """
    _check(sample, share, "the share")
    steps = _steps(sample)
    place = int(np.flatnonzero(steps.accepted <= share + 1e-12)[-1])
    words = f"accepts the best {share:.3g} of all parents; how many of them are bad is left to chance"
    return _cut(sample, "percentile", (steps.threshold(place), None), words)


def by_cost(sample: Sample, costs: Costs) -> Alternative:
    """Return the edges with the lowest expected cost on these labels. The mean is held, and no bound on it.

    Raises:
        GuaranteeError: there are no labels, or a cost is negative or no number.
    """
    _check(sample, 0.0, "the share")
    prices = (costs.false_accept, costs.false_reject, costs.review)
    if not all(np.isfinite(price) and price >= 0 for price in prices):
        raise GuaranteeError("costs must be numbers of at least 0")
    steps = _steps(sample)
    accepting = costs.false_accept * steps.accepted_bad - costs.review * steps.accepted
    rejecting = costs.false_reject * (steps.good - steps.accepted_good) - costs.review * (steps.able - steps.accepted)
    # Edges are places in the steps, from none accepted on; those below the second one are rejected.
    beyond = np.minimum.accumulate(rejecting[::-1])[::-1]
    upper = int(np.argmin(accepting + beyond))
    lower = upper + int(np.argmin(rejecting[upper:]))
    last = lower == len(rejecting) - 1  # nothing lies below the last score
    words = (
        f"costs least if a false accept costs {costs.false_accept:g}, a false reject {costs.false_reject:g} and a "
        f"review {costs.review:g}; a mean over these labels, without a bound"
    )
    return _cut(sample, "expected cost", (steps.threshold(upper), None if last else steps.edge(lower)), words, costs)


def by_capacity(sample: Sample, capacity: float, *, reject_below: float = 0.0) -> Alternative:
    """Return the strictest threshold that leaves at most this share of all parents to review.

    Args:
        sample: labelled parents; those that no threshold can accept are reviewed in any case.
        capacity: the share of all parents that people can look at.
        reject_below: scores below are rejected by the policy.

    Raises:
        GuaranteeError: there are no labels, the capacity is not within [0,1], or those that no threshold can accept are
            more than people can look at.
    """
    _check(sample, capacity, "the capacity")
    steps = _steps(sample)
    rejected = _share(sample, np.isfinite(sample.scores) & (sample.scores < reject_below))
    reviewed = np.maximum(1.0 - rejected - steps.accepted, 0.0)
    fits = np.flatnonzero((reviewed <= capacity + 1e-12) & (steps.thresholds >= reject_below))
    if not fits.size:
        raise GuaranteeError(
            f"{1 - rejected - steps.able:.3g} of all parents are reviewed whatever the threshold is, and the capacity "
            f"is {capacity:.3g}"
        )
    words = f"leaves at most {capacity:.3g} of all parents to review, and is as strict as that allows"
    edge = reject_below if reject_below > 0 else None
    return _cut(sample, "review capacity", (steps.threshold(int(fits[0])), edge), words)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Shares of all parents by the number of distinct scores that are accepted, from none to all, each (k + 1,)."""

    thresholds: Array
    accepted: Array
    accepted_bad: Array

    @property
    def accepted_good(self) -> Array:
        return self.accepted - self.accepted_bad

    @property
    def able(self) -> float:
        """The share that some threshold accepts."""
        return float(self.accepted[-1])

    @property
    def good(self) -> float:
        return float(self.accepted_good[-1])

    def threshold(self, place: int) -> float | None:
        return float(self.thresholds[place]) if place else None

    def edge(self, place: int) -> float:
        """Return where rejecting ends if it begins below the scores accepted at this place."""
        return float(self.thresholds[place]) if place else float(np.nextafter(1.0, 2.0))


def _steps(sample: Sample) -> _Steps:
    finite = np.isfinite(sample.scores)
    weights = sample.weights / sample.weights.sum()
    found, place = np.unique(-sample.scores[finite], return_inverse=True)
    shares = np.bincount(place, weights=weights[finite], minlength=len(found)).cumsum()
    bad = np.bincount(place, weights=(weights * sample.bad)[finite], minlength=len(found)).cumsum()
    first = np.zeros(1)
    return _Steps(np.concatenate([[np.inf], -found]), np.concatenate([first, shares]), np.concatenate([first, bad]))


def _cut(
    sample: Sample, name: str, edges: tuple[float | None, float | None], words: str, costs: Costs | None = None
) -> Alternative:
    threshold, below = edges
    scores = sample.scores
    chosen = np.zeros(len(sample), dtype=bool) if threshold is None else scores >= threshold
    refused = np.zeros(len(sample), dtype=bool) if below is None else np.isfinite(scores) & (scores < below) & ~chosen
    accepted, rejected, bad = (_share(sample, rows) for rows in (chosen, refused, chosen & sample.bad))
    reviewed = max(0.0, 1.0 - accepted - rejected)
    cost = None
    if costs is not None:
        wrong = costs.false_accept * bad + costs.false_reject * _share(sample, refused & ~sample.bad)
        cost = wrong + costs.review * reviewed
    return Alternative(
        name, threshold, below, accepted, reviewed, rejected, bad / accepted if accepted else None, cost, words
    )


def _share(sample: Sample, chosen: Bools) -> float:
    return min(float(sample.weights[chosen].sum() / sample.weights.sum()), 1.0)


def _check(sample: Sample, share: float, name: str) -> None:
    if not len(sample):
        raise GuaranteeError("there are no labels to choose by")
    if not 0.0 <= share <= 1.0:
        raise GuaranteeError(f"{name} must be within [0,1], not {share}")
