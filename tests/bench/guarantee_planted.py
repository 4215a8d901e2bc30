"""Three errors that people make, planted so that the harness can be seen to find them."""

from __future__ import annotations

import numpy as np

from tests.bench.guarantee_population import Array, Bools, Population, audited
from tests.bench.guarantee_trial import Outcome, Run, judged, repeat
from workers.guarantee import Sample, choose
from workers.guarantee.bounds import binomial_p
from workers.guarantee.grid import begin, grid

FEATURES = 60
POOL = 6_000


def empirical(sample: Sample, alpha: float, _delta: float, _seed: int) -> float | None:
    """Take the laxest threshold under which at most alpha of the accepted labels are bad: no bound at all."""
    levels, accepted, bad, _ = _counted(sample)
    fits = np.flatnonzero((accepted > 0) & (bad <= alpha * accepted))
    return float(levels[fits[-1]]) if fits.size else None


def weighted_binomial(sample: Sample, alpha: float, delta: float, _seed: int) -> float | None:
    """Put a weighted rate into the binomial test, as if each label were worth as much as any other."""
    levels, accepted, bad, counts = _counted(sample)
    with np.errstate(invalid="ignore"):
        few = np.nan_to_num(np.floor(bad / accepted * counts + 0.5))
    first = begin(counts, counts / counts[-1], alpha, delta)
    if first is None:
        return None
    failed = np.flatnonzero(binomial_p(few, counts, alpha)[first:] > delta)
    passed = int(failed[0]) if failed.size else len(levels) - first
    return float(levels[first + passed - 1]) if passed else None


def trained(labels: int, alpha: float, delta: float, runs: int, seed: int, *, held_out: bool) -> Outcome:
    """Train a head on labels and choose its threshold on the same ones, or on as many others.

    The head is a linear one on sixty features, six of which tell something, fitted by least squares.
    """

    def once(rng: np.random.Generator, run: int) -> Run:
        pool = _Pool(rng)
        weights = pool.fit(labels)
        truth = pool.population(weights)
        rows = pool.rows(labels, 2 * labels) if held_out else pool.rows(0, labels)
        sample = Sample(truth.scores[rows], truth.bad[rows], np.ones(labels))
        rest = Population("rest", truth.scores[2 * labels :], truth.bad[2 * labels :], truth.probability[2 * labels :])
        return judged(rest, choose(sample, alpha, delta, seed=run).threshold, rest.oracle(alpha))

    return repeat(once, alpha, delta, runs, seed)


class _Pool:
    """Parents with features and truth."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.features: Array = rng.normal(size=(POOL, FEATURES))
        strength = np.zeros(FEATURES)
        strength[:6] = 0.7
        self.bad: Bools = self.features @ strength + rng.normal(0, 1.0, POOL) > 1.5

    def rows(self, first: int, end: int) -> np.ndarray:
        return np.arange(first, end)

    def fit(self, labels: int) -> Array:
        known = np.column_stack([np.ones(labels), self.features[:labels]])
        return np.asarray(np.linalg.lstsq(known, self.bad[:labels].astype(np.float64))[0])

    def population(self, weights: Array) -> Population:
        guess = np.column_stack([np.ones(POOL), self.features]) @ weights
        scores = np.clip(np.round(1 - guess, 6), 0.0, 1.0)
        return Population("trained", scores, self.bad, audited(scores))


def _counted(sample: Sample) -> tuple[Array, Array, Array, Array]:
    """Return thresholds, and the weight, the bad weight and the number of the labels that each accepts."""
    levels = grid()
    order = np.argsort(-sample.scores, kind="stable")
    counts = np.searchsorted(-sample.scores[order], -levels, side="right")
    weights = sample.weights[order]
    accepted, bad = (np.concatenate([[0.0], part.cumsum()])[counts] for part in (weights, weights * sample.bad[order]))
    return levels, accepted, bad, counts.astype(np.float64)
