"""Slices by a number: the windows of each kind, cut into parts of equally many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from deploy.slices.population import Population
from workers.slices.curves import binned
from workers.slices.estimates import Array, Flags


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows cut by a number. All are (n,).

    Attributes:
        by: its name.
        values: NaN where a row lacks it, or is not asked for.
        kinds: of the rows.
        places: the part of its kind that each row is in, by rising value; -1 where it is in none.
        names: what that part is called, by its least and its greatest value; None where a row is in none.
    """

    by: str
    values: Array
    kinds: NDArray[np.str_]
    places: NDArray[np.int64]
    names: Sequence[str | None]

    @classmethod
    def of(cls, population: Population, rows: Flags, by: str, bins: int) -> Self:
        """Cut some rows of a population.

        Raises:
            ConfigurationError: the name is no number, or no window has such a metric.
        """
        values = np.where(rows, population.values(by), np.nan)
        kinds = np.array([one.kind for one in population.outcomes], dtype=np.str_)
        places = np.full(len(population), -1, np.int64)
        for kind in np.unique(kinds[rows]):
            own = kinds == kind
            places[own] = binned(values[own], bins=bins)
        return cls(by, values, kinds, places, _names(by, values, kinds, places))


def _names(by: str, values: Array, kinds: NDArray[np.str_], places: NDArray[np.int64]) -> list[str | None]:
    """Return the name of each row's part, with as many digits as tell the parts of a kind apart."""
    several = len(np.unique(kinds[places >= 0])) > 1
    names: list[str | None] = [None] * len(values)
    for kind in np.unique(kinds):
        parts = [np.flatnonzero((kinds == kind) & (places == place)) for place in np.unique(places[kinds == kind])]
        parts = [own for own in parts if places[own[0]] >= 0]
        ends = [(float(values[own].min()), float(values[own].max())) for own in parts]
        for own, text in zip(parts, _spans(ends), strict=True):
            name = f"{f'{kind}: ' if several else ''}{by} {text}"
            for row in own.tolist():
                names[row] = name
    return names


def _spans(ends: Sequence[tuple[float, float]]) -> list[str]:
    found: list[str] = []
    for digits in (3, 6, 17):
        found = [f"{low:.{digits}g} to {high:.{digits}g}" for low, high in ends]
        if len(set(found)) == len(found):
            break
    return found
