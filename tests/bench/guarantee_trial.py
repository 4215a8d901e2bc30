"""One claim made again and again on fresh labels: how often it is broken, and what it lets through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import binom

from tests.bench.guarantee_population import Population
from workers.guarantee import Sample, choose

SIGNIFICANT: Final = 0.001
"""Below this p-value violations are above delta: small, since a dozen legs are judged by it."""

Chooser = Callable[[Sample, float, float, int], float | None]
"""From a sample, alpha, delta and a seed to a threshold, or None."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one threshold does in the whole population: None where all goes to review."""

    risk: float | None
    of_oracle: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Many runs of one claim."""

    runs: int
    all_review: int
    violations: int
    of_oracle: float  # over all runs, those with all in review counted as 0
    alpha: float
    delta: float

    @property
    def rate(self) -> float:
        """Return the share of all runs in which more than alpha of the accepted are bad."""
        return self.violations / self.runs

    @property
    def p_value(self) -> float:
        """Return the chance of so many violations or more if the claim holds (exact binomial)."""
        return float(binom.sf(self.violations - 1, self.runs, self.delta))

    @property
    def sound(self) -> bool:
        """True where the violations are not significantly above delta."""
        return self.p_value >= SIGNIFICANT

    def __str__(self) -> str:
        accepting = self.runs - self.all_review
        share = f"{self.violations / accepting:.1%} of those that accept" if accepting else "none accepts"
        return f"{self.violations} of {self.runs} runs, {share}; all to review in {self.all_review}"


def guaranteed(sample: Sample, alpha: float, delta: float, seed: int) -> float | None:
    """Choose as Sluice does."""
    return choose(sample, alpha, delta, seed=seed).threshold


def repeat(
    once: Callable[[np.random.Generator, int], Run], alpha: float, delta: float, runs: int, seed: int
) -> Outcome:
    """Run a claim many times, each with a seed of its own."""
    found = [once(np.random.default_rng([seed, run]), run) for run in range(runs)]
    broken = sum(one.risk is not None and one.risk > alpha for one in found)
    reviewed = sum(one.risk is None for one in found)
    return Outcome(runs, reviewed, broken, float(np.mean([one.of_oracle for one in found])), alpha, delta)


@dataclass(frozen=True, slots=True)
class Leg:
    """Labels of one population, drawn anew for each run, and what chooses by them."""

    population: Population
    labels: int
    alpha: float
    delta: float = 0.05
    unequal: bool = False
    chooser: Chooser = guaranteed

    def outcome(self, runs: int, seed: int) -> Outcome:
        """Run it."""
        best = self.population.oracle(self.alpha)

        def once(rng: np.random.Generator, run: int) -> Run:
            sample = self.population.draw(rng, self.labels, unequal=self.unequal)
            return judged(self.population, self.chooser(sample, self.alpha, self.delta, run), best)

        return repeat(once, self.alpha, self.delta, runs, seed)


def judged(population: Population, threshold: float | None, best: float) -> Run:
    """Return what a threshold does in the population, beside the best share."""
    share, risk = population.truth(threshold)
    return Run(risk, share / best if best else 0.0) if share else Run(None)
