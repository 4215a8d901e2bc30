"""How often a claim is broken: on populations of which all is known, and where errors are planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from tests.bench.guarantee_planted import empirical, trained, weighted_binomial
from tests.bench.guarantee_population import MAKERS, Maker, cliff, clustered, seldom_audited, usual
from tests.bench.guarantee_trial import Leg
from tests.bench.guarantee_watch import Clusters
from workers.guarantee import betting


@pytest.mark.parametrize("low", [1.0, 0.2, 0.02])
def test_bets_refute_a_true_claim_in_at_most_delta_of_the_runs(low: float) -> None:
    rng = np.random.default_rng(3)
    refuted = 0
    for _ in range(400):
        weights = np.where(rng.random(300) < 0.5, 1.0, low)
        refuted += betting.refuted(rng.random(300) < 0.1, weights, 0.1, 0.05)
    assert binom.sf(refuted - 1, 400, 0.05) > 0.001


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("unequal", [False, True])
def test_the_claim_is_broken_in_at_most_delta_of_the_runs(make: Maker, unequal: bool) -> None:
    population = make(np.random.default_rng(1), 0.1)
    outcome = Leg(population, 300, 0.1, 0.1, unequal=unequal).outcome(40 if unequal else 150, seed=2)
    assert outcome.sound, str(outcome)


def test_planted_errors_are_found() -> None:
    population = usual(np.random.default_rng(1), 0.1)
    assert not Leg(population, 500, 0.1, chooser=empirical).outcome(100, seed=2).sound
    rarely = seldom_audited(cliff(np.random.default_rng(1), 0.1))
    assert not Leg(rarely, 1000, 0.1, unequal=True, chooser=weighted_binomial).outcome(200, seed=2).sound
    assert not trained(300, 0.1, 0.05, 10, 2, held_out=False).sound
    assert trained(300, 0.1, 0.05, 10, 2, held_out=True).sound


def test_a_claim_by_parent_breaks_on_unseen_sites_and_one_by_site_does_not() -> None:
    population = clustered(np.random.default_rng(1), 0.1)
    by_parent = Clusters(population, 20, 0.1, 0.05, one_per_group=False).outcome(40, seed=2)
    by_site = Clusters(population, 200, 0.1, 0.05, one_per_group=True).outcome(40, seed=2)
    assert not by_parent.sound
    assert by_site.sound
