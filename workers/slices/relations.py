"""Which metrics go with errors: rank correlation and mutual information, tested for all metrics at once.

Both are found within strata (kinds): a metric of two kinds is seldom the same thing, and kinds differ in how often
decisions about them are wrong. Under "no metric has to do with errors" the errors of a stratum can be exchanged, so
that permuting them gives the distribution of either figure, and of the largest of all metrics: a metric is found only
if it is beyond what the best of so many would reach by chance (Westfall and Young 1993, single step).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from workers.slices.dependence import Kinds, Rows, beaten, by_chance, columns, correlation, information
from workers.slices.draws import combined, draws
from workers.slices.estimates import Array, Flags, Groups

Shape = Literal["rises", "falls", "other", "none"]
"""What errors do as the metric rises: more, fewer, something else that is no trend, or nothing that is to be seen."""

PERMUTATIONS: Final = 999
_TESTS: Final = 2  # of each metric


@dataclass(frozen=True, slots=True)
class Relation:
    """What a metric has to do with errors.

    Attributes:
        name: of the metric.
        count, errors: rows that have it, and how many of them are errors.
        tested: rows that the tests rest on: independent ones that were drawn alike.
        correlation: Spearman's, with errors as 1, within strata; None where the metric or the errors are constant.
        information: mutual information in bits, within strata; above 0 by chance.
        by_chance: what it is expected to be where there is none.
        trend_p, information_p: corrected for all metrics.
        shape: what was found at the level asked for, corrected for both tests.
    """

    name: str
    count: int
    errors: int
    tested: int
    correlation: float | None = None
    information: float | None = None
    by_chance: float | None = None
    trend_p: float = 1.0
    information_p: float = 1.0
    shape: Shape = "none"


def relations(
    metrics: Mapping[str, Array],
    errors: Flags,
    *,
    strata: Sequence[str] | None = None,
    weights: Array | None = None,
    groups: Groups | None = None,
    alpha: float = 0.05,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> tuple[Relation, ...]:
    """Return what each metric has to do with errors, the surest first.

    Figures are of all rows, weighted. Tests are of rows that were drawn alike and are independent (`draws`).

    Args:
        metrics: by name, (n,) each, NaN where a row lacks it.
        errors: (n,).
        strata: (n,), such as kinds; None: one.
        weights: (n,), 1 over the probability with which a row was drawn.
        groups: (n,), what rows of are not independent.
        alpha: probability of finding anything where there is nothing.
        permutations: of each test; no p-value is below 1 / (permutations + 1).
        seed: of the permutations and draws.

    Raises:
        ValueError: lengths differ.
    """
    count = len(errors)
    if any(len(values) != count for values in metrics.values()):
        raise ValueError(f"{count} errors, and a metric of another length")
    kinds = np.zeros(count, np.intp) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    rows = Rows(errors, kinds, np.ones(count) if weights is None else weights)
    drawn = draws(count, weights, groups, seed)
    values = [_p_values(metrics, _alike(rows, own), own, permutations, seed + n) for n, own in enumerate(drawn)]
    p = combined(np.array(values))
    tested = int(np.median([len(own) for own in drawn]))
    found = [
        replace(_figures(name, own, rows), tested=tested, trend_p=float(p[0, place]), information_p=float(p[1, place]))
        for place, (name, own) in enumerate(metrics.items())
    ]
    shaped = [replace(one, shape=_shape(one, alpha)) for one in found]
    return tuple(
        sorted(shaped, key=lambda one: (min(one.trend_p, one.information_p), -abs(one.correlation or 0.0), one.name))
    )


def _alike(rows: Rows, own: Kinds) -> Rows:
    """Return drawn rows, which all weigh the same."""
    return replace(rows.at(own), mass=np.ones(len(own)))


def _figures(name: str, values: Array, rows: Rows) -> Relation:
    there = ~np.isnan(values)
    own = rows.at(there)
    bare = Relation(name, len(own.wrong), int(own.wrong.sum()), 0)
    found = columns({name: values[there]}, own)
    if not found or not own.mixed:
        return bare
    (column,) = found
    return replace(
        bare,
        correlation=correlation(column, own),
        information=float(information(column, own.wrong[None, :].astype(np.float64), own.mass)[0]),
        by_chance=by_chance(column, own),
    )


def _p_values(metrics: Mapping[str, Array], rows: Rows, own: Kinds, permutations: int, seed: int) -> Array:
    """Return the corrected p-values (2, m) of each metric's trend and information."""
    p = np.ones((_TESTS, len(metrics)))
    found = columns({name: values[own] for name, values in metrics.items()}, rows) if rows.mixed else []
    if found:
        places = [list(metrics).index(one.name) for one in found]
        p[:, places] = beaten(found, rows, permutations, seed)
    return p


def _shape(one: Relation, alpha: float) -> Shape:
    if one.correlation is None or min(one.trend_p, one.information_p) * _TESTS > alpha:
        return "none"
    if one.trend_p * _TESTS > alpha:
        return "other"
    return "rises" if one.correlation > 0.0 else "falls"
