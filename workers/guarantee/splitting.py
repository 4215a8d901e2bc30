"""Dividing delta where several claims are made, so that all of them hold together with confidence 1 - delta."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from workers.guarantee.bounds import check_levels
from workers.guarantee.errors import GuaranteeError


def split_delta(delta: float, shares: Mapping[str, float]) -> Mapping[str, float]:
    """Return the delta of each claim, such as one a source, in proportion to its share (Bonferroni).

    The shares must not come from the labels: 1 each, or what each source sends.

    Raises:
        GuaranteeError: there are no shares, or one is not above 0.
    """
    check_levels(0.5, delta)
    if not shares or not all(math.isfinite(share) and share > 0 for share in shares.values()):
        raise GuaranteeError("delta is divided by shares above 0, one for each claim")
    total = sum(shares.values())
    return MappingProxyType({name: delta * share / total for name, share in shares.items()})


def delta_of_run(delta: float, run: int) -> float:
    """Return the delta of the run-th calibration of one policy, counted from 1, however many more may follow.

    delta * 6 / (pi * run)^2, which adds up to delta over all runs (alpha spending with the sum of 1/run^2).

    Raises:
        GuaranteeError: delta is not within (0,1), or run is below 1.
    """
    check_levels(0.5, delta)
    if run < 1:
        raise GuaranteeError(f"runs are counted from 1, not {run}")
    return delta * 6.0 / (math.pi * run) ** 2
