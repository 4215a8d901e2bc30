"""Populations of which everything is known: the risk of each threshold, and the most that could be accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from workers.guarantee import Sample

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]

Maker = Callable[[np.random.Generator, float], "Population"]
"""From a generator and the alpha that it is to be hard for to a population."""

SIZE: Final = 200_000
DIGITS: Final = 6
NOTHING: Final = 0.01


@dataclass(eq=False)
class Population:
    """Parents with their scores and truth. Samples are drawn with replacement, so that its own shares are the truth.

    scores, bad: (n,).
    probability: (n,), with which parents are labelled where labels are drawn unequally.
    groups: (n,), the group of each as a number, or None.
    """

    name: str
    scores: Array
    bad: Bools
    probability: Array = field(repr=False)
    groups: Places | None = field(default=None, repr=False)

    def draw(self, rng: np.random.Generator, count: int, *, unequal: bool = False) -> Sample:
        """Return labelled parents, drawn independently of each other."""
        if not unequal:
            return self.take(rng.integers(len(self.scores), size=count))
        places = np.searchsorted(self._ladder, rng.random(count) * self._ladder[-1], side="right")
        return self.take(places, self.probability[places], float(self.probability.min()))

    def take(self, places: Places, probability: Array | None = None, least: float | None = None) -> Sample:
        """Return these parents as labels."""
        drawn = np.ones(len(places)) if probability is None else probability
        names = None if self.groups is None else tuple(map(str, self.groups[places].tolist()))
        return Sample(self.scores[places], self.bad[places], drawn, names, least)

    def truth(self, threshold: float | None) -> tuple[float, float]:
        """Return the share of all parents that a threshold accepts, and the share of bad ones among them."""
        if threshold is None:
            return 0.0, 0.0
        count = int(np.searchsorted(self._falling, -threshold, side="right"))
        return count / len(self.scores), float(self._bad_so_far[count]) / max(count, 1)

    def laxest(self, alpha: float) -> float | None:
        """Return the laxest threshold of the grid whose risk is at most alpha."""
        return next((level for level in (np.arange(1, 1001) / 1000).tolist() if self.truth(level)[1] <= alpha), None)

    def oracle(self, alpha: float) -> float:
        """Return the share that it accepts: the most that can be had, 0 where that is next to nothing."""
        share = self.truth(self.laxest(alpha))[0]
        return share if share > NOTHING else 0.0

    @cached_property
    def _ladder(self) -> Array:
        return np.asarray(self.probability.cumsum())

    @cached_property
    def _falling(self) -> Array:
        return np.sort(-self.scores)

    @cached_property
    def _bad_so_far(self) -> Places:
        order = np.argsort(-self.scores, kind="stable")
        return np.concatenate([[0], self.bad[order].cumsum()])


def usual(rng: np.random.Generator, _alpha: float) -> Population:
    """Return a good head over 16% bad parents, the risk falling with the score."""
    scores = rng.beta(4.0, 2.0, SIZE)
    return _made("usual", rng, scores, expit(14 * (0.47 - scores)))


def cliff(rng: np.random.Generator, alpha: float) -> Population:
    """Return the hardest case for a bound: good parents, and then a fifth of all at one score, with which it breaks.

    The first threshold that must not pass has a risk of 1.001 alpha, so that it passes in almost delta of all runs.
    """
    scores = _even()
    edge, below = 0.3, 0.1
    at_edge = (scores >= below) & (scores < edge)
    above = 1.0 - edge
    worse = (1.001 * alpha * (1 - below) - 0.2 * alpha * above) / (edge - below)
    risk = np.where(scores >= edge, 0.2 * alpha, np.where(at_edge, worse, 0.9))
    return _made("cliff", rng, np.where(at_edge, edge, scores), risk)


def crooked(rng: np.random.Generator, alpha: float) -> Population:
    """Return a head that is wrong at the top: the best are bad most often, and no threshold is valid."""
    scores = _even()
    risk = np.where(scores >= 0.9, 1.2 * alpha, np.where(scores >= 0.4, 1.005 * alpha, 0.5))
    return _made("crooked", rng, scores, risk)


def coarse(rng: np.random.Generator, _alpha: float) -> Population:
    """Return the usual head with nine different scores, as of parents with few items."""
    scores = np.round(rng.beta(4.0, 2.0, SIZE) * 8) / 8
    return _made("coarse", rng, scores, expit(14 * (0.47 - scores)))


def clustered(rng: np.random.Generator, _alpha: float) -> Population:
    """Return parents of 1000 sites, some of which are worse than their scores say."""
    sites = 1000
    groups = np.repeat(np.arange(sites), SIZE // sites)
    scores = rng.beta(4.0, 2.0, SIZE)
    own = rng.normal(0.0, 1.5, sites)[groups]
    made = _made("clustered", rng, scores, expit(14 * (0.47 - scores) + own))
    made.groups = groups
    return made


MAKERS: Final[tuple[Maker, ...]] = (usual, cliff, crooked, coarse)


def audited(scores: Array) -> Array:
    """Return with which probability parents are labelled: 5% of what is accepted, more in review, less of the rest."""
    return np.where(scores >= 0.7, 0.05, np.where(scores >= 0.4, 0.25, 0.1))


def seldom_audited(population: Population) -> Population:
    """Return it with labels of all in review, and of 2% of what is accepted or rejected."""
    scores = population.scores
    probability = np.where((scores >= 0.2) & (scores < 0.7), 1.0, 0.02)
    return Population(f"{population.name}, seldom audited", scores, population.bad, probability)


def drifted(population: Population, rng: np.random.Generator, shift: float) -> Population:
    """Return it after a drift: what is bad looks better than before, by so much in the logit of its score."""
    moved = expit(logit(np.clip(population.scores, 1e-6, 1 - 1e-6)) + shift * rng.random(len(population.scores)))
    scores = np.where(population.bad, moved, population.scores)
    return Population(f"{population.name}, drifted", scores, population.bad, population.probability)


def _even() -> Array:
    return (np.arange(SIZE) + 0.5) / SIZE


def _made(name: str, rng: np.random.Generator, scores: Array, risk: Array) -> Population:
    """Return a population with bad ones in exactly these shares, spread evenly along the scores."""
    kept = np.round(scores, DIGITS)
    order = np.lexsort((rng.random(len(kept)), -kept))
    bad = np.zeros(len(kept), dtype=np.bool_)
    bad[order] = np.diff(np.floor(risk[order].cumsum()), prepend=0.0) > 0
    return Population(name, kept, bad, audited(kept))
