"""What came of a leg, as figures of the report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import binom

from tests.bench.guarantee_trial import SIGNIFICANT, Outcome
from tests.bench.guarantee_watch import Watch
from tests.bench.report import Figure

WITHIN = 0.95
RUNS = "of runs"
AUDITS = 2000


def violations(what: str, outcome: Outcome, oracle: float | None = None, *, judged: bool = True) -> Figure:
    """Return how often a claim was broken; not judged where nobody claims it."""
    said = f"{outcome}; {outcome.of_oracle:.0%} of the oracle's" if outcome.of_oracle else str(outcome)
    if oracle is not None:
        said += f", {oracle:.0%}"
    if not judged:
        return Figure(f"broken: {what}", round(outcome.rate, 4), RUNS, f"{said}; no such claim is made")
    goal = f"<= {outcome.delta}, not refuted at {SIGNIFICANT}"
    return Figure(f"broken: {what}", round(outcome.rate, 4), RUNS, said, goal, outcome.sound)


def planted(what: str, outcome: Outcome) -> Figure:
    """Return how often a planted error broke the claim; the harness must refuse it."""
    return Figure(f"planted: {what}", round(outcome.rate, 4), RUNS, str(outcome), "refused", not outcome.sound)


def drift(watch: Watch, runs: int, seed: int) -> list[Figure]:
    """Return how often the monitor alarmed within the number of audits that it had printed."""
    found = []
    for sound in (0, 300):
        seen = [watch.run(np.random.default_rng([seed, run]), sound) for run in range(runs)]
        late = [one for one in seen if one.alarmed_at is None or one.alarmed_at > sound]
        delays = [one.delay for one in late if one.delay is not None]
        share = len(delays) / max(len(late), 1)
        promised = np.median([one.promised for one in late])
        taken = np.median(delays) if delays else np.nan
        said = f"risk {watch.alpha + watch.excess:.3f}; promised within {promised:.0f} audits, median {taken:.0f}"
        kind = "unequal" if watch.unequal else "equal"
        what = f"drift, {kind}, after {sound} sound audits, excess {watch.excess:.3f}: alarms in time"
        goal = f">= {WITHIN}, not refuted at {SIGNIFICANT}"
        kept = binom.cdf(len(delays), len(late), WITHIN) >= SIGNIFICANT
        found.append(Figure(what, round(share, 4), RUNS, said, goal, bool(kept)))
    return found


def false_alarms(watch: Watch, runs: int, seed: int) -> Figure:
    """Return how often the monitor alarmed within 2,000 audits at the laxest threshold that keeps the risk."""
    edge = replace(watch, threshold=watch.before.laxest(watch.alpha) or 1.0)
    alarmed = 0
    for run in range(runs):
        monitor = edge.monitor()
        edge.audit(np.random.default_rng([seed, 9, run]), monitor, edge.before, AUDITS)
        alarmed += monitor.alarmed
    outcome = Outcome(runs, 0, alarmed, 0.0, watch.alpha, watch.delta)
    kind = "unequal" if watch.unequal else "equal"
    risk = edge.before.truth(edge.threshold)[1]
    said = f"{alarmed} of {runs} streams of {AUDITS:,} audits, looked at after each; risk {risk:.4f}"
    goal = f"<= {watch.delta}, not refuted at {SIGNIFICANT}"
    return Figure(f"no drift, {kind}: false alarms", round(outcome.rate, 4), RUNS, said, goal, outcome.sound)
