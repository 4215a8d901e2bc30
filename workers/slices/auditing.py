"""Rates slice by slice, the worst first, and the slices that are above a bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from workers.slices.estimates import Estimate
from workers.slices.outcomes import RATES, Cases, rate

Standing = Literal["alarm", "above", "unsure", "within", "unknown"]
"""How a rate stands to its bound: surely above; above, not surely; below, not surely; surely within; not known."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How high a rate may be: in every slice, or in those that are named."""

    rate: str
    most: float
    slices: Mapping[str, float] = field(default_factory=dict)

    def of(self, name: str) -> float:
        """Return the bound of a slice."""
        return self.slices.get(name, self.most)


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: how many labelled rows, how many of them bad, its rates, and how they stand to their bounds."""

    name: str
    count: int
    bad: int
    rates: Mapping[str, Estimate]
    standings: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def alarmed(self) -> bool:
        """Whether one of its rates is surely above its bound."""
        return "alarm" in self.standings.values()


@dataclass(frozen=True, slots=True)
class _Test:
    alpha: float
    seed: int


def audit(
    cases: Cases,
    names: Sequence[str | None],
    bounds: Sequence[Bound] = (),
    *,
    worst_by: str = "false_accept_rate",
    level: float = 0.95,
    alpha: float = 0.05,
    seed: int = 0,
) -> tuple[Slice, ...]:
    """Return the slices: those with alarms first, then by the lower end of a rate's interval, the highest first.

    A slice alarms where the lower bound of its rate is above the slice's bound, at a confidence of 1 - alpha / m, with
    m the number of rates that are held against a bound: so one false alarm or more comes with probability alpha at
    most (Bonferroni), as far as the interval keeps its word. That over a few groups does not, so that no slice of
    several groups, but fewer than `FEW_GROUPS`, is surely above or within a bound.

    Args:
        cases: (n,).
        names: (n,), the slice of each row; None: in no slice.
        bounds: what rates are held against.
        worst_by: the rate that orders them.
        level: of the intervals that are shown.
        alpha: probability of any false alarm.
        seed: of resamples.
    """
    distinct = {name: number for number, name in enumerate(_distinct(names))}
    place = np.array([-1 if name is None else distinct[name] for name in names], dtype=np.intp)
    own = {name: cases.at(place == number) for name, number in distinct.items()}
    found = {name: {one: rate(one, some, level=level, seed=seed) for one in RATES} for name, some in own.items()}
    tested = sum(found[name][bound.rate].count > 0 for name in own for bound in bounds)
    slices = [
        Slice(
            name,
            len(some),
            int(some.bad.sum()),
            found[name],
            {
                bound.rate: _standing(
                    some, bound.rate, found[name][bound.rate], bound.of(name), _Test(alpha / max(1, tested), seed)
                )
                for bound in bounds
            },
        )
        for name, some in own.items()
    ]
    return tuple(sorted(slices, key=lambda one: (not one.alarmed, *_worst(one.rates[worst_by]), one.name)))


def _distinct(names: Sequence[str | None]) -> list[str]:
    return sorted({name for name in names if name is not None})


def _worst(found: Estimate) -> tuple[float, float]:
    return (2.0, 2.0) if found.value is None else (-found.low, -found.value)


def _standing(some: Cases, name: str, found: Estimate, most: float, test: _Test) -> Standing:
    if found.value is None:
        return "unknown"
    if found.groups > 1 and found.few_groups:
        return "above" if found.value > most else "unsure"
    # one-sided at 1 - alpha is the lower end of the two-sided interval at 1 - 2 alpha
    if rate(name, some, level=1.0 - 2.0 * test.alpha, seed=test.seed).low > most:
        return "alarm"
    if found.value > most:
        return "above"
    return "within" if found.high <= most else "unsure"
