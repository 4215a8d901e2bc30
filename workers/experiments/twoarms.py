"""Binary outcomes in two arms: each parent is in one, drawn by a hash with a known share."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

_TOWARDS_POOLED: Final = 40.0  # parents that the rate of both arms counts as, in the estimate of each arm's own


def fisher_test(control: tuple[int, int], candidate: tuple[int, int]) -> float:
    """Return the two-sided p-value of Fisher's exact test, which holds for one look.

    Args:
        control: parents of the arm with the outcome, and all of it.
        candidate: the same.
    """
    table = [[found, whole - found] for found, whole in (control, candidate)]
    return float(fisher_exact(table)[1])


def two_arm_evidence(
    candidate: NDArray[np.bool_], outcome: NDArray[np.bool_], share: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log e-values (..., n) after each of n parents.

    Where the outcome has nothing to do with the arm, a parent with a given outcome is in the candidate's arm with
    probability `share`, whatever came before it. A bet at these odds, placed with what the parents before have shown,
    is a martingale that begins at 1: theta_arm(y) / (share * theta_candidate(y) + (1 - share) * theta_control(y)), the
    e-variable of Turner, Ly and Gruenwald (2024, "Generic E-variables for exact sequential k-sample tests"). It stays
    valid where the rate of both arms drifts with time, and at any number of looks.

    Args:
        candidate: (..., n), whether a parent is in the candidate's arm; in the order in which outcomes became known.
        outcome: (..., n), whether it has the outcome.
        share: of the candidate's arm, in (0,1); one for all, or (n,). What is looked at must not depend on the arm:
            with parents that were labelled more often in one arm than in the other it is another share.
    """
    control_rate, candidate_rate = _predicted(candidate, outcome)
    of_control = np.where(outcome, control_rate, 1.0 - control_rate)
    of_candidate = np.where(outcome, candidate_rate, 1.0 - candidate_rate)
    own = np.where(candidate, of_candidate, of_control)
    steps = np.log(own) - np.log(share * of_candidate + (1.0 - share) * of_control)
    return np.asarray(np.cumsum(steps, axis=-1), dtype=np.float64)


def _predicted(
    candidate: NDArray[np.bool_], outcome: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each arm's rate as the parents before each one have shown it, drawn towards that of both arms."""
    before = np.arange(outcome.shape[-1])
    pooled = (_before(outcome) + 0.5) / (before + 1.0)
    in_candidate, found_in_candidate = _before(candidate), _before(outcome & candidate)
    candidate_rate = (found_in_candidate + _TOWARDS_POOLED * pooled) / (in_candidate + _TOWARDS_POOLED)
    in_control, found_in_control = before - in_candidate, _before(outcome & ~candidate)
    control_rate = (found_in_control + _TOWARDS_POOLED * pooled) / (in_control + _TOWARDS_POOLED)
    return control_rate, candidate_rate


def _before(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many are set before each place."""
    return np.asarray(np.cumsum(flags, axis=-1) - flags, dtype=np.int64)
