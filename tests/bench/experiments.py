"""`make bench-experiments`: tests that are looked at after every parent, in simulated experiments with a known truth.

Without a difference, at most a share alpha of the experiments may ever say that there is one, within the error of the
simulation. One leg looks again and again at a test for one look, and has to break: else the simulation shows nothing.
With a difference, experiments of the size that `sluice experiment` tells have to find it as often as it says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from tests.bench.report import Figure, Report
from workers.experiments import mean_evidence, paired_evidence, pairs_needed, parents_needed, two_arm_evidence

ALPHA: Final = 0.05
POWER: Final = 0.8
_AT_ONCE: Final = 50  # runs
_SURE: Final = 0.999

Draw = Callable[[np.random.Generator, int, int], NDArray[np.float64]]
"""Returns the log e-values (runs, size) of simulated experiments."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated."""

    runs: int
    parents: int
    seed: int


def main(arguments: list[str] | None = None) -> int:
    """Simulate, print and write; exit code 1 where a test does not keep its word, or the planted fault is not seen."""
    parser = argparse.ArgumentParser(prog="make bench-experiments", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000, help="experiments of each kind")
    parser.add_argument(
        "--parents", type=int, default=5_000, help="that are looked at, one by one, without a difference"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    size = Size(options.runs, options.parents, options.seed)
    figures = [*_without_difference(size), _peeked(size), *_with_difference(size)]
    report = Report("experiments", figures, f"simulated, {size.runs} experiments of each kind", size.seed, {})
    report.show()
    sys.stdout.write(f"written to {report.write()}\n")
    return 0 if all(figure.met for figure in figures) else 1


def _without_difference(size: Size) -> Iterator[Figure]:
    drifting = np.linspace(0.02, 0.6, size.parents)
    legs: dict[str, Draw] = {
        "shadow, 2% of parents differ": lambda rng, runs, n: paired_evidence(_differences(rng, runs, n, 0.01, 0.01)),
        "shadow, 30% of parents differ": lambda rng, runs, n: paired_evidence(_differences(rng, runs, n, 0.15, 0.15)),
        "arms of 50%, rate 10%": lambda rng, runs, n: _arms(rng, (runs, n), 0.5, 0.1, 0.1),
        "arms of 10%, rate 30%": lambda rng, runs, n: _arms(rng, (runs, n), 0.1, 0.3, 0.3),
        "arms of 20%, rate drifts from 2% to 60%": lambda rng, runs, n: _arms(rng, (runs, n), 0.2, drifting, drifting),
        "shadow, labels drawn by who was wrong": _weighted,
    }
    most = int(binom.ppf(_SURE, size.runs, ALPHA))
    for number, (name, draw) in enumerate(legs.items()):
        alarms = _found(draw, size, size.parents, number)
        yield Figure(
            f"false alarms, {name}",
            alarms / size.runs,
            "of experiments",
            f"{alarms} of {size.runs}, looked at {size.parents:,} times each",
            f"at most {ALPHA} ({most} of {size.runs} by chance)",
            alarms <= most,
        )


def _peeked(size: Size) -> Figure:
    """Look at the exact McNemar test of two equal sides again and again."""
    differences = _differences(np.random.default_rng((size.seed, 99)), size.runs, size.parents, 0.05, 0.05)
    looks = np.arange(99, size.parents, 100)
    plus, minus = (np.cumsum(differences == side, axis=-1)[:, looks] for side in (1, -1))
    p_values = 2 * binom.cdf(np.minimum(plus, minus), plus + minus, 0.5)
    alarms = int((p_values < ALPHA).any(axis=-1).sum())
    return Figure(
        "planted fault: false alarms of McNemar's test",
        alarms / size.runs,
        "of experiments",
        f"looked at {len(looks)} times each",
        f"above {ALPHA}: the simulation sees it",
        bool(alarms > binom.ppf(_SURE, size.runs, ALPHA)),
    )


def _with_difference(size: Size) -> Iterator[Figure]:
    pairs = {(0.06, 0.02): "shadow, 6% against 2%", (0.12, 0.08): "shadow, 12% against 8%"}
    for (plus, minus), name in pairs.items():
        needed = pairs_needed(plus, minus, alpha=ALPHA, power=POWER, runs=size.runs)
        told = needed.sequential or needed.searched

        def draw(
            rng: np.random.Generator, runs: int, n: int, plus: float = plus, minus: float = minus
        ) -> NDArray[np.float64]:
            return paired_evidence(_differences(rng, runs, n, plus, minus))

        yield _power(name, told, needed.one_look, _found(draw, size, told, 50), size.runs)
    arms = {(0.2, 0.1): "arms, 20% against 10%", (0.1, 0.05): "arms, 10% against 5%"}
    for (control, candidate), name in arms.items():
        wanted = parents_needed(control, candidate, 0.5, alpha=ALPHA, power=POWER, runs=size.runs)
        told = wanted.sequential or wanted.searched

        def split(
            rng: np.random.Generator, runs: int, n: int, control: float = control, candidate: float = candidate
        ) -> NDArray[np.float64]:
            return _arms(rng, (runs, n), 0.5, control, candidate)

        yield _power(name, told, wanted.one_look, _found(split, size, told, 60), size.runs)


def _power(name: str, told: int, one_look: int, found: int, runs: int) -> Figure:
    least = POWER - 2 * 3 * float(np.sqrt(POWER * (1 - POWER) / runs))  # the size was simulated with as many runs
    return Figure(
        f"found within {told:,} parents: {name}",
        found / runs,
        "of experiments",
        f"{one_look:,} parents for one look",
        f"{POWER} (at least {least:.3f} by chance)",
        bool(found / runs >= least),
    )


def _found(draw: Draw, size: Size, parents: int, leg: int) -> int:
    """Return how many experiments ever say that there is a difference."""
    rng = np.random.default_rng((size.seed, leg))
    parts = [min(_AT_ONCE, size.runs - begun) for begun in range(0, size.runs, _AT_ONCE)]
    return sum(int((draw(rng, runs, parents).max(axis=-1) >= -np.log(ALPHA)).sum()) for runs in parts)


def _differences(rng: np.random.Generator, runs: int, parents: int, plus: float, minus: float) -> NDArray[np.int8]:
    drawn = rng.random((runs, parents))
    found: NDArray[np.int8] = (drawn < plus).astype(np.int8) - (drawn > 1 - minus).astype(np.int8)
    return found


def _arms(
    rng: np.random.Generator,
    shape: tuple[int, int],
    share: float,
    control: float | NDArray[np.float64],
    candidate: float | NDArray[np.float64],
) -> NDArray[np.float64]:
    in_candidate = rng.random(shape) < share
    return two_arm_evidence(in_candidate, rng.random(shape) < np.where(in_candidate, candidate, control), share)


def _weighted(rng: np.random.Generator, runs: int, parents: int) -> NDArray[np.float64]:
    """Label the parents on which the candidate alone is wrong five times as often as those of the live side."""
    differences = _differences(rng, runs, parents, 0.1, 0.1)
    probability = np.where(differences > 0, 1.0, 0.2)
    labelled = rng.random(differences.shape) < probability
    return mean_evidence(np.where(labelled, differences / probability, 0.0), -5.0, 5.0)


if __name__ == "__main__":
    sys.exit(main())
