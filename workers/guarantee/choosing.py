"""The threshold that accepts most under "at most alpha of the accepted are bad, with confidence 1 - delta".

Learn-then-test (Angelopoulos et al. 2022) by fixed-sequence testing: of each threshold of the grid, from the strictest
on, "more than alpha of those that it accepts are bad" is tested at delta, and the first that is not refuted ends it.
Why that holds, also where the first test waits for enough labels, is in README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.guarantee import betting
from workers.guarantee.bounds import binomial_p, binomial_upper, check_levels, least_labels, most_bad
from workers.guarantee.grid import begin, grid
from workers.guarantee.sample import Array, Bools, Sample
from workers.guarantee.splitting import split_delta
from workers.guarantee.wording import claim, refused, scope, too_few

Method = Literal["binomial", "betting"]
_TINY = 1e-300  # keeps nothing over nothing a number


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and on what. `threshold` is None where none is valid: then everything goes to review.

    accepted: estimated share of all parents that are accepted; those that no threshold can accept count as not.
    upper_bound: of the share of bad ones among the accepted, at confidence 1 - delta, for this threshold alone; the
        claim is alpha. Without a threshold, that of the strictest one tested.
    method: "binomial" (labels drawn with equal probability) or "betting" (unequal).
    labels, bad: labelled parents that were used, and how many of them are bad.
    accepted_labels, accepted_bad: those of them that the threshold accepts.
    least_labels: accepted labels without one bad that could have succeeded.
    unseen_groups: the claim is about parents of groups that are not among the labelled ones.
    words: the claim and what it is about, or why there is none.
    """

    threshold: float | None
    accepted: float
    upper_bound: float
    method: Method
    labels: int
    bad: int
    accepted_labels: int
    accepted_bad: int
    least_labels: int
    alpha: float
    delta: float
    unseen_groups: bool
    words: str


def choose(
    sample: Sample,
    alpha: float,
    delta: float,
    *,
    seed: int = 0,
    one_per_group: bool = False,
    thresholds: Array | None = None,
) -> Choice:
    """Choose the laxest valid threshold of the grid, or none.

    Args:
        sample: labelled parents that the head has never seen, exchangeable with those that are to come.
        alpha: the share of the accepted that may be bad.
        delta: the chance that the claim is wrong.
        seed: of the random parent of each group, and of the order of unequally drawn labels.
        one_per_group: claim something about unseen groups, by one random parent of each labelled group.
        thresholds: a grid of your own, from scores that are not labelled; see `grid.grid`.

    Raises:
        GroupsError: a claim about unseen groups cannot be made from these labels.
        GuaranteeError: alpha, delta or a threshold is no share.
    """
    check_levels(alpha, delta)
    used = sample.one_per_group(seed) if one_per_group else sample
    tests = _Tests(used, alpha, delta, seed)
    levels = grid(thresholds)
    counts = tests.counts(levels)
    first = begin(*tests.worth(counts), alpha, delta)
    if first is None:
        return _choice(tests, None, None, one_per_group)
    passed = tests.passed(counts[first:])
    if not passed:
        return _choice(tests, None, int(counts[first]), one_per_group)
    count = int(counts[first + passed - 1])
    # Of thresholds that accept the same labels, the strictest: the claim is as good, and it trusts no empty range.
    return _choice(tests, float(levels[np.searchsorted(counts, count)]), count, one_per_group)


def choose_each(
    samples: Mapping[str, Sample],
    alpha: float,
    delta: float,
    *,
    seed: int = 0,
    one_per_group: bool = False,
    joint: bool = True,
) -> dict[str, Choice]:
    """Choose a threshold for each source, or whatever the names stand for.

    Joint claims share delta equally and hold all at once; marginal ones each have all of it, and say so.

    Raises:
        GuaranteeError: as for `choose`, or there are no samples.
    """
    deltas = split_delta(delta, dict.fromkeys(samples, 1.0))
    found = {}
    for name, sample in samples.items():
        own = deltas[name] if joint else delta
        chosen = choose(sample, alpha, own, seed=seed, one_per_group=one_per_group)
        found[name] = replace(chosen, words=f"{chosen.words} {scope(len(samples), delta, joint=joint)}".strip())
    return found


def _choice(tests: _Tests, threshold: float | None, count: int | None, unseen_groups: bool) -> Choice:
    sample, alpha, delta = tests.sample, tests.alpha, tests.delta
    accepting = threshold is not None and count is not None
    weights = sample.weights
    share = weights[sample.scores >= threshold].sum() / weights.sum() if threshold is not None else 0.0
    return Choice(
        threshold=threshold,
        accepted=min(float(share), 1.0),
        upper_bound=tests.upper(count) if count else 1.0,
        method=tests.method,
        labels=len(sample),
        bad=int(sample.bad.sum()),
        accepted_labels=count if accepting and count else 0,
        accepted_bad=int(tests.bad[:count].sum()) if accepting else 0,
        least_labels=least_labels(alpha, delta),
        alpha=alpha,
        delta=delta,
        unseen_groups=unseen_groups,
        words=tests.words(threshold, count, unseen_groups=unseen_groups),
    )


class _Tests:
    """The labels that a threshold can accept, by falling score, and the test of the first so many of them."""

    def __init__(self, sample: Sample, alpha: float, delta: float, seed: int) -> None:
        self.sample, self.alpha, self.delta = sample, alpha, delta
        able = np.flatnonzero(np.isfinite(sample.scores))
        order = able[np.argsort(-sample.scores[able], kind="stable")]
        self.scores, self.bad = sample.scores[order], sample.bad[order]
        self.method: Method = "binomial" if sample.equally_drawn else "betting"
        self.weights = sample.least / sample.probability[order]
        self.places = np.random.default_rng(seed).permutation(len(order))
        self._sums = np.concatenate([[0.0], self.weights.cumsum()])
        self._squares = np.concatenate([[0.0], np.square(self.weights).cumsum()])

    def counts(self, levels: Array) -> NDArray[np.int64]:
        """Return how many labels each threshold accepts."""
        return np.asarray(np.searchsorted(-self.scores, -levels, side="right"), dtype=np.int64)

    def worth(self, counts: NDArray[np.int64]) -> tuple[Array, Array]:
        """Return how many equally drawn labels so many are worth, and their share of all that can be accepted."""
        sums = self._sums[counts]
        sizes = counts if self.method == "binomial" else sums**2 / np.maximum(self._squares[counts], _TINY)
        return np.asarray(sizes, dtype=np.float64), sums / max(self._sums[-1], _TINY)

    def passed(self, counts: NDArray[np.int64]) -> int:
        """Return how many of these tests pass before the first that does not."""
        if self.method == "binomial":
            bad = np.concatenate([[0], self.bad.cumsum()])[counts]
            failed = np.flatnonzero(binomial_p(bad, counts, self.alpha) > self.delta)
            return int(failed[0]) if failed.size else len(counts)
        before = -1
        for place, count in enumerate(counts.tolist()):
            if count != before and not betting.refuted(*self._shuffled(count), self.alpha, self.delta):
                return place
            before = count
        return len(counts)

    def upper(self, count: int) -> float:
        """Return the bound on the risk of the threshold that accepts so many labels."""
        if self.method == "binomial":
            return float(binomial_upper(self.bad[:count].sum(), count, self.delta))
        return betting.upper(*self._shuffled(count), self.alpha, self.delta)

    def words(self, threshold: float | None, count: int | None, *, unseen_groups: bool) -> str:
        """Return the claim, or why there is none."""
        if threshold is not None:
            groups = self.sample.groups is not None
            return claim(threshold, self.alpha, self.delta, unseen_groups=unseen_groups, groups=groups)
        if count is None:
            worth = float(self.worth(np.array([len(self.scores)]))[0][0])
            return too_few(self.alpha, self.delta, len(self.scores), worth, least_labels(self.alpha, self.delta))
        allowed = most_bad(count, self.alpha, self.delta) if self.method == "binomial" else None
        return refused(self.alpha, self.delta, count, int(self.bad[:count].sum()), allowed)

    def _shuffled(self, count: int) -> tuple[Bools, Array]:
        order = self.places[self.places < count]
        return self.bad[:count][order], self.weights[:count][order]
