"""The same on real labels: people's ratings of MRI scans, with scores of heads that have not seen them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.special import expit
from threadpoolctl import threadpool_limits

from tests.bench.guarantee_population import Array, Population, audited
from tests.bench.guarantee_trial import Outcome, Run, repeat
from tests.bench.ratings_data import Rule, fetch, read, verdict
from tests.bench.ratings_models import labelled, random_folds, site_folds
from workers.guarantee import Sample, choose
from workers.training.candidates import CANDIDATES, fit, inner_folds, judge
from workers.training.labelled import Labelled
from workers.training.learning import fit_fusion

RULE: Final[Rule] = "majority"


class Ratings:
    """Scans of ABIDE with a settled rating, as a population: scored across random folds, and across sites."""

    def __init__(self, archive: Path | None, seed: int) -> None:
        data = read(archive or fetch())
        self.scans = [scan for scan in data.of("abide") if verdict(list(scan.ratings.values()), RULE) is not None]
        names = sorted({scan.site for scan in self.scans})
        sites = np.array([names.index(scan.site) for scan in self.scans])
        items, by_site = (labelled(self.scans, RULE, by_site=one) for one in (False, True))
        torch.set_num_threads(1)
        with threadpool_limits(1):
            parents = _scores(items, random_folds(items, seed), seed)
            unseen = _scores(by_site, site_folds([scan.site for scan in self.scans]), seed)
        self.by_parent = Population("mriqc, by scan", parents, ~items.good, audited(parents))
        self.by_site = Population("mriqc, by site", unseen, ~items.good, audited(unseen), sites)
        self.names = names


def unseen_sites(population: Population, alpha: float, delta: float, runs: int, seed: int) -> Outcome:
    """Choose on the scans of half of the sites, and look at those of the others: one random scan of a random site."""
    groups = population.groups
    if groups is None:
        raise ValueError("the population has no groups")
    sites = np.unique(groups)

    def once(rng: np.random.Generator, run: int) -> Run:
        known = rng.permutation(sites)[: len(sites) // 2]
        seen = np.isin(groups, known)
        rows = np.flatnonzero(seen)
        threshold = choose(population.take(rows), alpha, delta, seed=run).threshold
        return _mean_of_sites(population, threshold, ~seen)

    return repeat(once, alpha, delta, runs, seed)


def drawn_sites(  # noqa: PLR0917
    population: Population, alpha: float, delta: float, draws: int, runs: int, seed: int
) -> Outcome:
    """Draw sites with replacement, as if there were many, and one scan of each; the truth is over all sites."""
    groups = population.groups
    if groups is None:
        raise ValueError("the population has no groups")
    members = [np.flatnonzero(groups == site) for site in np.unique(groups)]

    def once(rng: np.random.Generator, run: int) -> Run:
        drawn = rng.integers(len(members), size=draws)
        rows = np.concatenate([rng.choice(members[site], 5) for site in drawn])
        visits = tuple(str(visit) for visit in range(draws) for _ in range(5))
        sample = Sample(population.scores[rows], population.bad[rows], np.ones(len(rows)), visits)
        chosen = choose(sample, alpha, delta, seed=run, one_per_group=True)
        return _mean_of_sites(population, chosen.threshold, np.ones(len(population.scores), dtype=bool))

    return repeat(once, alpha, delta, runs, seed)


def _mean_of_sites(population: Population, threshold: float | None, where: np.ndarray) -> Run:
    """Return the risk of a random scan of a random site among these, given that it is accepted."""
    groups = population.groups
    if threshold is None or groups is None:
        return Run(None)
    accepted = (population.scores >= threshold) & where
    shares = [(accepted[own].mean(), (accepted & population.bad)[own].mean()) for own in _by_group(groups, where)]
    taken, wrong = np.mean(shares, axis=0)
    return Run(float(wrong / taken)) if taken else Run(None)


def _by_group(groups: np.ndarray, where: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(where & (groups == group)) for group in np.unique(groups[where])]


def _scores(items: Labelled, folds: list[tuple[np.ndarray, np.ndarray]], seed: int) -> Array:
    """Return the scores (n,) in [0,1] of logistic heads, each fitted to the other folds."""
    found = np.zeros(len(items))
    only = [one for one in CANDIDATES if one.name == "metrics"]
    for seen, unseen in folds:
        known, others = items.take(seen), items.take(unseen)
        judged = judge(known, inner_folds(known, seed), seed, only)
        features = fit_fusion(known)
        head = fit(judged["metrics"], judged, features, known, seed)
        found[unseen] = expit(head.logits(features.fuse(others.embeddings, others.metrics)))
    return np.round(found, 6)
