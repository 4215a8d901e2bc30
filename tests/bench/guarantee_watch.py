"""Where the claim ends: groups that were not labelled, and a stream that has drifted; and the monitor that tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.bench.guarantee_population import Population, drifted
from tests.bench.guarantee_trial import Outcome, Run, judged, repeat
from workers.guarantee import RiskMonitor, Sample, choose

EACH = 40  # labelled parents of a site


@dataclass(frozen=True, slots=True)
class Clusters:
    """Labels of a few sites, and a claim about parents of other sites, or of the same ones."""

    population: Population
    sites: int
    alpha: float
    delta: float
    one_per_group: bool
    same_sites: bool = False

    def outcome(self, runs: int, seed: int) -> Outcome:
        """Draw sites, label some parents of each, choose, and look at the truth."""
        groups = self.population.groups
        if groups is None:
            raise ValueError("the population has no groups")
        members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
        best = self.population.oracle(self.alpha)

        def once(rng: np.random.Generator, run: int) -> Run:
            drawn = rng.integers(len(members), size=self.sites)
            rows = [rng.choice(members[site], EACH) for site in drawn]
            places = np.concatenate(rows)
            visits = tuple(str(visit) for visit in range(self.sites) for _ in range(EACH))  # one site may come twice
            sample = Sample(self.population.scores[places], self.population.bad[places], np.ones(len(places)), visits)
            chosen = choose(sample, self.alpha, self.delta, seed=run, one_per_group=self.one_per_group)
            if self.same_sites:
                rest = _of(self.population, np.concatenate([members[site] for site in drawn]))
                return judged(rest, chosen.threshold, rest.oracle(self.alpha))
            return judged(self.population, chosen.threshold, best)

        return repeat(once, self.alpha, self.delta, runs, seed)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a monitor saw of one stream: where the drift began, by when it was to alarm, and when it did."""

    began: int
    promised: int
    alarmed_at: int | None

    @property
    def delay(self) -> int | None:
        """Return how many audits after the drift began the alarm came."""
        return None if self.alarmed_at is None else self.alarmed_at - self.began


@dataclass(frozen=True, slots=True)
class Watch:
    """Streams that are sound for some audits, and then drift, seen by a monitor."""

    before: Population
    after: Population
    threshold: float
    alpha: float
    delta: float
    unequal: bool = False

    @property
    def excess(self) -> float:
        """Return by how much the risk is above alpha after the drift."""
        return self.after.truth(self.threshold)[1] - self.alpha

    def monitor(self) -> RiskMonitor:
        """Return a monitor that has seen nothing."""
        least = float(self.before.probability.min()) if self.unequal else 1.0
        return RiskMonitor(self.alpha, self.delta, least_probability=least)

    def run(self, rng: np.random.Generator, sound: int) -> Watched:
        """Watch one stream; it ends at the alarm, or when the promised number of audits is over."""
        monitor = self.monitor()
        self.audit(rng, monitor, self.before, sound)
        promised = monitor.audits_needed(self.excess)
        self.audit(rng, monitor, self.after, promised)
        return Watched(sound, promised, monitor.alarmed_at)

    def audit(self, rng: np.random.Generator, monitor: RiskMonitor, population: Population, audits: int) -> None:
        """Audit so many accepted parents of a population, or until the alarm."""
        last = monitor.audits + audits
        while monitor.audits < last:
            sample = population.draw(rng, audits, unequal=self.unequal)
            for row in np.flatnonzero(sample.scores >= self.threshold)[: last - monitor.audits].tolist():
                monitor.observe(bool(sample.bad[row]), float(sample.probability[row]))
                if monitor.alarmed:
                    return


def watch_of(population: Population, alpha: float, delta: float, shift: float, *, unequal: bool = False) -> Watch:
    """Choose a threshold on 2,000 labels, and let the stream drift."""
    rng = np.random.default_rng(7)
    threshold = choose(population.draw(rng, 2000), alpha, delta).threshold
    if threshold is None:
        raise ValueError("no threshold to watch")
    return Watch(population, drifted(population, rng, shift), threshold, alpha, delta, unequal)


def _of(population: Population, rows: np.ndarray) -> Population:
    return Population("same sites", population.scores[rows], population.bad[rows], population.probability[rows])
