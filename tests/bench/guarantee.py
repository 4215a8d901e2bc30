"""`make bench-guarantee`: are thresholds with a guarantee what they say, on populations of which all is known?

Each leg chooses a threshold again and again on fresh labels. A run breaks the claim when more than alpha of what its
threshold accepts in the whole population are bad; of all runs that may be delta. Runs without a valid threshold break
nothing, and are counted apart. Three errors are planted, which the same harness must find.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from tests.bench.guarantee_figures import RUNS, drift, false_alarms, planted, violations
from tests.bench.guarantee_planted import empirical, trained, weighted_binomial
from tests.bench.guarantee_population import MAKERS, cliff, clustered, seldom_audited, usual
from tests.bench.guarantee_ratings import Ratings, drawn_sites, unseen_sites
from tests.bench.guarantee_trial import Leg, Outcome, guaranteed
from tests.bench.guarantee_watch import Clusters, watch_of
from tests.bench.ratings_data import RatingsError
from tests.bench.report import Figure, Report
from workers.guarantee import least_labels

DELTA = 0.05
GOAL = 0.8


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; exit code 1 where a claim is broken too often or a planted error is not found.

    That less is accepted than was aimed at does not count as an error, and ratings that cannot be had do.
    """
    parser = argparse.ArgumentParser(prog="make bench-guarantee", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="of each leg; slow ones take a half or a fifth of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--archive", type=Path, help="the source package with the ratings; fetched if not given")
    parser.add_argument("--no-ratings", action="store_true", help="simulated populations alone")
    chosen = parser.parse_args(arguments)
    bench = _Bench(chosen.runs, chosen.seed)
    try:
        ratings = None if chosen.no_ratings else Ratings(chosen.archive, chosen.seed)
    except RatingsError as error:
        sys.stderr.write(f"bench-guarantee: {error}\n")
        return 1
    figures = bench.measured(ratings)
    words = f"simulated populations of 200,000 parents, and {len(ratings.scans) if ratings else 0} rated MRI scans"
    report = Report("guarantee", figures, f"{words}; delta {DELTA}; {chosen.runs} runs a leg", chosen.seed, {})
    report.show()
    sys.stdout.write(f"written: {report.write()}\n")
    return int(any(figure.met is False and figure.unit == RUNS for figure in figures))


class _Bench:
    """All legs, with a line of progress."""

    def __init__(self, runs: int, seed: int) -> None:
        self.runs, self.seed = runs, seed
        self.few, self.many = max(runs // 5, 20), max(runs, 400)  # a planted error must have a chance to be seen
        self.rng = np.random.default_rng([seed, 1])

    def measured(self, ratings: Ratings | None) -> list[Figure]:
        """Run all legs."""
        legs = [self._least, self._simulated, self._powers, self._planted, self._clusters, self._drifts]
        if ratings is not None:
            legs.append(partial(self._real, ratings))
        found: list[Figure] = []
        with Progress(console=Console(stderr=True), transient=True) as progress:
            for leg in progress.track(legs, description="legs"):
                own = leg()
                found += own
                for figure in own:
                    progress.console.print(f"{figure.what}: {figure.value:g} {figure.unit}", highlight=False)
        return found

    def _least(self) -> list[Figure]:
        least = least_labels(0.02, DELTA)
        return [Figure("least labels, alpha 0.02, none bad", least, "labels", "", "149", least == 149)]

    def _simulated(self) -> list[Figure]:
        found = []
        for make in MAKERS:
            for alpha in (0.1, 0.02):
                population = make(self.rng, alpha)
                for labels in (400, 2000):
                    leg = Leg(population, labels, alpha, DELTA)
                    found.append(violations(f"{population.name}, alpha {alpha}, {labels} labels", self._run(leg)))
                leg = Leg(population, 2000, alpha, DELTA, unequal=True)
                found.append(violations(f"{population.name}, alpha {alpha}, 2000 labels, unequal", self._run(leg)))
        return found

    def _powers(self) -> list[Figure]:
        found = []
        for alpha in (0.1, 0.05, 0.02):
            population = usual(self.rng, alpha)
            for unequal in (False, True):
                outcome = self._run(Leg(population, 2000, alpha, DELTA, unequal=unequal))
                said = f"oracle accepts {population.oracle(alpha):.1%}; all to review in {outcome.all_review} runs"
                name = f"accepted at alpha {alpha}, 2000 labels{', unequal' if unequal else ''}"
                goal, met = ("", None) if unequal else (f">= {GOAL}", outcome.of_oracle >= GOAL)
                found.append(Figure(name, round(outcome.of_oracle, 4), "of the oracle's", said, goal, met))
        return found

    def _planted(self) -> list[Figure]:
        population, rarely = usual(self.rng, 0.1), seldom_audited(cliff(self.rng, 0.1))
        simple = Leg(population, 2000, 0.1, DELTA, chooser=empirical)
        weighted = Leg(rarely, 2000, 0.1, DELTA, unequal=True, chooser=weighted_binomial)
        known, unknown = (trained(600, 0.1, DELTA, self.few, self.seed, held_out=one) for one in (False, True))
        return [
            planted("the empirical threshold", simple.outcome(self.many, self.seed)),
            planted("the binomial test on weighted counts", weighted.outcome(self.many, self.seed)),
            planted("the labels that the head was trained on", known),
            violations("the same head, other labels", unknown),
            violations("the same weighted labels, by betting", self._run(replace(weighted, chooser=guaranteed))),
        ]

    def _clusters(self) -> list[Figure]:
        population = clustered(self.rng, 0.1)
        legs = {
            "30 sites, by parent, claimed of the same sites": (Clusters(population, 30, 0.1, DELTA, False, True), True),
            "30 sites, by parent, claimed of others": (Clusters(population, 30, 0.1, DELTA, False), False),
            "300 sites, one parent each, claimed of others": (Clusters(population, 300, 0.1, DELTA, True), True),
        }
        return [
            violations(f"clustered: {name}", leg.outcome(self.few, self.seed), judged=judged)
            for name, (leg, judged) in legs.items()
        ]

    def _drifts(self) -> list[Figure]:
        population = usual(self.rng, 0.1)
        found = []
        for unequal in (False, True):
            for shift in (1.5, 4.0):
                watch = watch_of(population, 0.1, DELTA, shift, unequal=unequal)
                found += drift(watch, max(self.few // 2, 20), self.seed)
            found.append(false_alarms(watch, self.few, self.seed))
        return found

    def _real(self, ratings: Ratings) -> list[Figure]:
        scans, sites = ratings.by_parent, ratings.by_site
        rarely = seldom_audited(scans)
        legs = {
            "400 labels": Leg(scans, 400, 0.1, DELTA),
            "2000 labels": Leg(scans, 2000, 0.1, DELTA),
            "2000 labels, alpha 0.05": Leg(scans, 2000, 0.05, DELTA),
            "2000 labels, unequal": Leg(scans, 2000, 0.1, DELTA, unequal=True),
            "2000 labels, seldom audited": Leg(rarely, 2000, 0.1, DELTA, unequal=True),
        }
        errors = {
            "the empirical threshold": Leg(scans, 2000, 0.1, DELTA, chooser=empirical),
            "the binomial test on weighted counts": Leg(
                rarely, 2000, 0.1, DELTA, unequal=True, chooser=weighted_binomial
            ),
        }
        found = [violations(f"ratings, by scan, {name}", self._run(leg)) for name, leg in legs.items()]
        found += [planted(f"{name}, ratings", leg.outcome(self.many, self.seed)) for name, leg in errors.items()]
        broken = unseen_sites(sites, 0.1, DELTA, self.runs, self.seed)
        found.append(violations("ratings, half of 17 sites by scan, claimed of the others", broken, judged=False))
        for alpha, draws in ((0.1, 100), (0.2, 100), (0.1, 400)):
            outcome = drawn_sites(sites, alpha, DELTA, draws, self.few, self.seed)
            found.append(violations(f"ratings, {draws} drawn sites, one scan each, alpha {alpha}", outcome))
        return found

    def _run(self, leg: Leg) -> Outcome:
        return leg.outcome(max(self.runs // 2, 20) if leg.unequal else self.runs, self.seed)


if __name__ == "__main__":
    sys.exit(main())
