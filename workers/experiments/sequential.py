"""Where a sequential test stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class State(StrEnum):
    """What a sequential test says by now."""

    GO_ON = "go_on"
    DIFFERS = "differs"
    NO_DIFFERENCE_SHOWN = "no_difference_shown"
    NOT_TOLD = "not_told"


@dataclass(frozen=True, slots=True)
class Standing:
    """A sequential test by now.

    Attributes:
        state: `differs` stays, whatever comes after it. `no_difference_shown` is said once the planned size is reached:
            it says that a difference of the planned size would probably have been seen, and not that there is none.
            `not_told` is for whoever knows that what was looked at cannot carry the test.
        evidence: the e-value by now: how many times its stake a bet against "no difference" has come to.
        largest: the largest e-value so far; `differs` from 1/alpha on.
        decided_at: after how many parents it was reached; None where it was not.
        looked_at: how many parents there are.
    """

    state: State
    evidence: float
    largest: float
    decided_at: int | None
    looked_at: int


def standing(log_evidence: NDArray[np.float64], alpha: float, planned: int | None) -> Standing:
    """Return where a test stands.

    Args:
        log_evidence: (n,), after each parent.
        alpha: the share of tests without a difference that may ever say `differs`.
        planned: the size at which a difference of interest would have been found; None: go on for ever.
    """
    crossed = np.flatnonzero(log_evidence >= -np.log(alpha))
    size = len(log_evidence)
    if crossed.size:
        state = State.DIFFERS
    elif planned is not None and size >= planned:
        state = State.NO_DIFFERENCE_SHOWN
    else:
        state = State.GO_ON
    return Standing(
        state,
        _e_value(log_evidence[-1] if size else 0.0),
        _e_value(max(0.0, float(log_evidence.max(initial=0.0)))),
        int(crossed[0]) + 1 if crossed.size else None,
        size,
    )


def _e_value(log: float) -> float:
    return float(np.exp(min(float(log), 700.0)))
