"""The audit of slices as one object: what is asked, and what came of it; with `as_dict` for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deploy.errors import ConfigurationError
from deploy.items.expression import Expression
from deploy.slices.cutting import Cut
from deploy.slices.population import NAMES, Population
from workers.slices.auditing import Bound, Slice, audit
from workers.slices.curves import Curve, curve
from workers.slices.estimates import Array, Estimate, Flags
from workers.slices.outcomes import RATES
from workers.slices.relations import Relation, relations
from workers.training.intervals import FEW_GROUPS

ALL: Final = "all"
"""The name of the slice of everything."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a population.

    Attributes:
        by: names that make slices: one of `NAMES`, a metric or a number.
        where: which windows; None: all.
        errors: the rate that orders slices, and whose errors are looked at beside metrics.
        bounds: how high rates may be.
        hypotheses: look at each metric beside errors.
        bins: of a metric.
        level: of the intervals.
        alpha: probability of any false alarm, and of finding any metric where there is nothing.
        seed: of resamples and permutations.
    """

    by: tuple[str, ...] = ("source",)
    where: Expression | None = None
    errors: str = "false_accept_rate"
    bounds: tuple[Bound, ...] = ()
    hypotheses: bool = False
    bins: int = 5
    level: float = 0.95
    alpha: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A slice, with all windows that were decided in it, labelled or not."""

    slice: Slice
    decided: int
    accept_rate: Estimate


@dataclass(frozen=True, slots=True)
class Slicing:
    """The slices by one name, the worst first; of a number also the rate as a function of it, for each kind."""

    by: str
    rows: tuple[Row, ...]
    curves: Mapping[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of a question."""

    question: Question
    population: Population
    whole: Row
    slicings: tuple[Slicing, ...]
    relations: tuple[Relation, ...]
    notices: tuple[str, ...]

    @property
    def alarms(self) -> list[tuple[str, Slice]]:
        """The slices that are surely above a bound, each with what it is a slice by."""
        return [(one.by, row.slice) for one in self.slicings for row in one.rows if row.slice.alarmed]

    def as_dict(self) -> dict[str, Any]:
        """Return everything for programs."""
        question, population = self.question, self.population
        policy = population.origin.policy
        return {
            "format": 1,
            "replay": population.origin.replay,
            "heads": population.origin.heads,
            "policy": None if policy is None else policy.model_dump(mode="json"),
            "labels_digest": population.labels_digest,
            "where": None if question.where is None else question.where.source.text,
            "errors": question.errors,
            "level": question.level,
            "alpha": question.alpha,
            "bounds": [{"rate": one.rate, "most": one.most, "slices": dict(one.slices)} for one in question.bounds],
            "all": _row(self.whole),
            "slices": [{"by": one.by, **_row(row)} for one in self.slicings for row in one.rows],
            "curves": [
                {"by": one.by, "kind": kind, **asdict(found)}
                for one in self.slicings
                for kind, found in one.curves.items()
            ],
            "relations": [asdict(one) for one in self.relations],
            "alarms": [{"by": by, "slice": one.name} for by, one in self.alarms],
            "notices": list(self.notices),
        }


def ask(question: Question, population: Population) -> Audit:
    """Answer a question.

    Raises:
        ConfigurationError: it names what no window has, or a bound of a slice that there is none of.
    """
    rows = population.where(question.where)
    slicings = tuple(_slicing(question, population, rows, by) for by in question.by)
    _check_bounds(question, slicings)
    cases, _ = population.cases(rows)
    whole = audit(cases, [ALL] * len(cases), level=question.level, seed=question.seed)
    everything = _with_all(question, population, rows, whole[0] if whole else Slice(ALL, 0, 0, {}))
    return Audit(
        question=question,
        population=population,
        whole=everything,
        slicings=slicings,
        relations=_relations(question, population, rows) if question.hypotheses else (),
        notices=(*population.notices, *_few_groups([everything, *(row for one in slicings for row in one.rows)])),
    )


def _slicing(question: Question, population: Population, rows: Flags, by: str) -> Slicing:
    if by in NAMES:
        return Slicing(by, _rows(question, population, rows, population.names(by)))
    cut = Cut.of(population, rows, by, question.bins)
    return Slicing(by, _rows(question, population, rows, cut.names), _curves(question, population, cut))


def _rows(question: Question, population: Population, rows: Flags, names: Sequence[str | None]) -> tuple[Row, ...]:
    cases, found = population.cases(rows)
    slices = audit(
        cases,
        [names[row] for row in found],
        question.bounds,
        worst_by=question.errors,
        level=question.level,
        alpha=question.alpha,
        seed=question.seed,
    )
    labelled = {one.name for one in slices}
    others = sorted({name for name, own in zip(names, rows, strict=True) if own and name is not None} - labelled)
    bare = [Slice(name, 0, 0, {}) for name in others]
    place = np.array([name or "" for name in names])
    return tuple(_with_all(question, population, rows & (place == one.name), one) for one in (*slices, *bare))


def _with_all(question: Question, population: Population, rows: Flags, found: Slice) -> Row:
    return Row(found, int(rows.sum()), population.accept_rate(rows, question.level, question.seed))


def _curves(question: Question, population: Population, cut: Cut) -> dict[str, Curve]:
    """Return the rate as a function of a number, for each kind with labels."""
    found = {}
    for kind in np.unique(cut.kinds[cut.places >= 0]):
        cases, own = population.cases((cut.kinds == kind) & (cut.places >= 0))
        if len(cases):
            found[str(kind)] = curve(
                cut.by,
                cut.values[own],
                cases,
                question.errors,
                places=cut.places[own],
                level=question.level,
                alpha=question.alpha,
                seed=question.seed,
            )
    return found


def _relations(question: Question, population: Population, rows: Flags) -> tuple[Relation, ...]:
    """Return what each metric of labelled windows has to do with errors."""
    rate = RATES[question.errors]
    cases, found = population.cases(rows)
    among = rate.among(cases)
    own, found = cases.at(among), found[among]
    names = sorted({name for row in found for name in population.windows[row].metrics if population.plain(name)})
    metrics = {name: _column(population, found, name) for name in names}
    return relations(
        metrics,
        rate.hits(own),
        strata=[population.outcomes[row].kind for row in found],
        weights=own.weights,
        groups=own.groups,
        alpha=question.alpha,
        seed=question.seed,
    )


def _column(population: Population, rows: NDArray[np.intp], name: str) -> Array:
    return np.array([population.windows[row].metrics.get(name, np.nan) for row in rows], dtype=np.float64)


def _check_bounds(question: Question, slicings: Sequence[Slicing]) -> None:
    there = {row.slice.name for one in slicings for row in one.rows}
    unknown = sorted({name for bound in question.bounds for name in bound.slices} - there)
    if unknown:
        raise ConfigurationError(
            f"a bound is given for {unknown[0]!r}, and no slice is named so; there are {', '.join(sorted(there)[:20])}"
        )


def _few_groups(rows: Sequence[Row]) -> list[str]:
    few = any(one.few_groups for row in rows for one in row.slice.rates.values())
    return [f"rates marked * rest on fewer than {FEW_GROUPS} groups: their true intervals are wider"] if few else []


def _row(row: Row) -> dict[str, Any]:
    found = row.slice
    return {
        "slice": found.name,
        "decided": row.decided,
        "labelled": found.count,
        "bad": found.bad,
        "accept_rate": asdict(row.accept_rate),
        "rates": {name: asdict(one) for name, one in found.rates.items()},
        "standings": dict(found.standings),
    }
