"""How many parents it takes to find a difference: for one look by a formula, for any number of looks by simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from workers.experiments.paired import paired_evidence
from workers.experiments.twoarms import two_arm_evidence

RUNS: Final = 200
MOST: Final = 100_000  # parents in a simulated test
_CELLS: Final = 1_000_000  # simulated parents that are held at a time
_LONGER: Final = 3  # a sequential test is looked for within so many times the size for one look

Draw = Callable[[np.random.Generator, int, int], NDArray[np.float64]]
"""Returns the log e-values (runs, size) of simulated tests."""


@dataclass(frozen=True, slots=True)
class Needed:
    """How many parents it takes to find a difference with the wanted power.

    Attributes:
        one_look: where the size is fixed and one looks once.
        sequential: where one may look after every parent, and stops at a difference; None: more than `searched`.
        searched: sizes up to this were tried.
    """

    one_look: int
    sequential: int | None
    searched: int


def pairs_needed(
    plus: float, minus: float, *, alpha: float = 0.05, power: float = 0.8, seed: int = 0, runs: int = RUNS
) -> Needed:
    """Return how many parents a paired test takes, in which both sides judge each.

    For one look it is Connor's formula (1987) for McNemar's test.

    Args:
        plus: share of the parents on which the candidate alone has the outcome.
        minus: share on which the live side alone has it; another one than `plus`.
        alpha: the error of a test without a difference.
        power: the share of tests that are to find the difference.
        seed: of the simulation.
        runs: simulated tests.

    Raises:
        ValueError: there is no difference to find, or the shares are none.
    """
    _check(plus, minus)
    if plus + minus > 1.0:
        raise ValueError(f"shares of the parents add up to at most 1, not {plus} and {minus}")
    both, difference = plus + minus, plus - minus
    error, found = norm.ppf(1 - alpha / 2), norm.ppf(power)
    one_look = (error * np.sqrt(both) + found * np.sqrt(both - difference**2)) ** 2 / difference**2

    def draw(rng: np.random.Generator, tests: int, size: int) -> NDArray[np.float64]:
        drawn = rng.random((tests, size))
        return paired_evidence((drawn < plus).astype(np.int8) - (drawn > 1.0 - minus).astype(np.int8))

    return _needed(draw, one_look, alpha=alpha, power=power, seed=seed, runs=runs)


def parents_needed(
    control: float,
    candidate: float,
    share: float = 0.5,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    seed: int = 0,
    runs: int = RUNS,
) -> Needed:
    """Return how many parents of both arms together a test of two arms takes.

    For one look it is the usual formula for two proportions (Fleiss, Levin and Paik 2003, without correction).

    Args:
        control: rate of the outcome in the control arm.
        candidate: rate in the candidate's; another one.
        share: of the parents that are in the candidate's arm.
        alpha: the error of a test without a difference.
        power: the share of tests that are to find the difference.
        seed: of the simulation.
        runs: simulated tests.

    Raises:
        ValueError: there is no difference to find, or the rates are none.
    """
    _check(control, candidate)
    pooled = share * candidate + (1 - share) * control
    error, found = norm.ppf(1 - alpha / 2), norm.ppf(power)
    alike = np.sqrt(pooled * (1 - pooled) / (share * (1 - share)))
    apart = np.sqrt(candidate * (1 - candidate) / share + control * (1 - control) / (1 - share))
    one_look = ((error * alike + found * apart) / (candidate - control)) ** 2

    def draw(rng: np.random.Generator, tests: int, size: int) -> NDArray[np.float64]:
        in_candidate = rng.random((tests, size)) < share
        outcome = rng.random((tests, size)) < np.where(in_candidate, candidate, control)
        return two_arm_evidence(in_candidate, outcome, share)

    return _needed(draw, one_look, alpha=alpha, power=power, seed=seed, runs=runs)


def _check(one: float, other: float) -> None:
    if not (0.0 <= one <= 1.0 and 0.0 <= other <= 1.0) or one == other:
        raise ValueError(f"two different shares from 0 to 1 are needed, not {one} and {other}")


def _needed(draw: Draw, one_look: float, *, alpha: float, power: float, seed: int, runs: int) -> Needed:
    size = max(1, int(np.ceil(one_look)))
    searched = min(MOST, max(50, _LONGER * size))
    rng = np.random.default_rng(seed)
    ends = np.concatenate([_ends(draw(rng, tests, searched), alpha) for tests in _parts(runs, searched)])
    place = int(np.ceil(power * runs)) - 1
    found = float(np.sort(ends)[place])
    return Needed(size, int(found) if np.isfinite(found) else None, searched)


def _parts(runs: int, size: int) -> list[int]:
    at_a_time = max(1, _CELLS // size)
    return [min(at_a_time, runs - begun) for begun in range(0, runs, at_a_time)]


def _ends(log_evidence: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Return after how many parents each test found a difference; infinite where it did not."""
    crossed = log_evidence >= -np.log(alpha)
    return np.where(crossed.any(axis=-1), crossed.argmax(axis=-1) + 1.0, np.inf)
