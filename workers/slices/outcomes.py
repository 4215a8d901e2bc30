"""Decisions beside the truth: what is an error, and of what its rate is a share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.slices.estimates import Array, Estimate, Flags, share


@dataclass(frozen=True, slots=True)
class Cases:
    """Decisions about parents that somebody labelled. All arrays are (n,).

    Attributes:
        accepted: the action is accept, also with the review flag.
        rejected: the action is reject. What is neither went to review.
        bad: the label says that the parent is bad.
        weights: 1 over the probability with which the parent was drawn to be labelled; None: all were drawn alike.
        groups: what rows of are not independent (patient, camera, site); None: all rows are.
        heaviest: the largest weight of all labels there are, which parts of these rows keep; None: that of these rows.
    """

    accepted: Flags
    rejected: Flags
    bad: Flags
    weights: Array | None = None
    groups: NDArray[np.str_] | None = None
    heaviest: float | None = None

    def __post_init__(self) -> None:
        """Remember the largest weight, for parts that lack its row."""
        if self.heaviest is None and self.weights is not None and len(self.weights):
            object.__setattr__(self, "heaviest", float(self.weights.max()))

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.bad)

    def at(self, rows: Flags | NDArray[np.intp]) -> Cases:
        """Return some of the rows."""
        return replace(
            self,
            accepted=self.accepted[rows],
            rejected=self.rejected[rows],
            bad=self.bad[rows],
            weights=None if self.weights is None else self.weights[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate: which rows it counts, of which."""

    hits: Callable[[Cases], Flags]
    among: Callable[[Cases], Flags]
    words: str


RATES: Final[Mapping[str, Rate]] = MappingProxyType(
    {
        "false_accept_rate": Rate(lambda one: one.accepted, lambda one: one.bad, "of the bad, accepted"),
        "false_reject_rate": Rate(lambda one: one.rejected, lambda one: ~one.bad, "of the good, rejected"),
        "held_back_rate": Rate(lambda one: ~one.accepted, lambda one: ~one.bad, "of the good, not accepted"),
        "bad_among_accepted": Rate(lambda one: one.bad, lambda one: one.accepted, "of the accepted, bad"),
        "wrong_rate": Rate(
            lambda one: (one.accepted & one.bad) | (one.rejected & ~one.bad),
            lambda one: np.ones(len(one), dtype=np.bool_),
            "of all, accepted and bad, or rejected and good",
        ),
    }
)
"""Every rate that needs labels. In all of them less is better."""


def rate(name: str, cases: Cases, *, level: float = 0.95, seed: int = 0) -> Estimate:
    """Return one of the rates, with its interval.

    Raises:
        KeyError: there is no such rate.
    """
    one = RATES[name]
    own = cases.at(one.among(cases))
    return share(one.hits(own), own.weights, own.groups, heaviest=own.heaviest, level=level, seed=seed)
