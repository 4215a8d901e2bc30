"""Running test cases against what was decided: an assertion about the decisions of a slice."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from deploy.errors import ConfigurationError, SluiceError
from deploy.items.expression import ExpressionError, parse
from deploy.slices.population import Population
from deploy.slices.suite import told
from schemas.testcases import CaseResult, CasesResult, ModelCase, ModelCases
from workers.slices.estimates import Estimate, Flags
from workers.slices.outcomes import RATES, rate
from workers.slices.ranking import area
from workers.training.intervals import FEW_GROUPS

Result = Literal["passed", "failed", "too_few"]
_HOLDS: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType(
    {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}
)
UNLABELLED: Final = frozenset({"accept_rate", "mean_score"})
"""Metrics of all windows of a slice, labelled or not."""


class SlicesError(SluiceError):
    """A test case is not passed, or a slice is above its bound. Exit code 24."""

    exit_code = 24


def metrics_of(cases: ModelCases) -> frozenset[str]:
    """Return the metrics that cases name."""
    return frozenset(name for case in cases.cases if case.where is not None for name in parse(case.where).metrics)


def wants_items(cases: ModelCases) -> bool:
    """Return whether a case asks for what only the items of a parent say: a metric, a reason or a flag."""
    return any(case.where is not None and asks_items(case.where) for case in cases.cases)


def asks_items(where: str) -> bool:
    """Return whether an expression asks for a metric, a reason or a flag.

    Raises:
        ExpressionError: it is none.
    """
    return bool(parse(where).metrics) or any(word in where for word in ("reason", "flag"))


def wants_labels(cases: ModelCases) -> bool:
    """Return whether a case needs labels."""
    return any(case.metric not in UNLABELLED for case in cases.cases)


def run_cases(cases: ModelCases, population: Population, *, seed: int = 0) -> CasesResult:
    """Run test cases.

    A case passes where at least so many parents are in it and its assertion holds of the whole interval, or of the
    figure alone where it is judged by the point. Where it holds of the figure, but not of the whole interval, or the
    interval rests on fewer than `FEW_GROUPS` groups, there is too little to tell, and too few is not passed.

    Args:
        cases: what is asserted.
        population: what was decided, with labels, and with metrics where a case asks for them (`wants_items`).
        seed: of resamples.

    Raises:
        ConfigurationError: an expression names a metric that no window has.
    """
    origin = population.origin
    results = tuple(_run(case, population, cases.level, seed) for case in cases.cases)
    return CasesResult(
        name=cases.name,
        cases_digest=cases.digest(),
        passed=all(one.result == "passed" for one in results),
        cases=results,
        level=cases.level,
        replay=origin.replay,
        heads=None if origin.heads is None else dict(origin.heads),
        policy=origin.policy,
        policies=tuple(sorted({one.policy.reference for one in population.outcomes})),
        policy_digests=tuple(sorted({one.policy.digest for one in population.outcomes})),
        scorers=_scorers(population),
        equally_drawn=population.equally_drawn,
        decided=len(population),
        labelled=int(population.labelled.sum()),
        labels_digest=population.labels_digest,
        notices=population.notices,
    )


def _scorers(population: Population) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one in population.outcomes:
        found[one.kind].update(one.scorers)
    return {kind: tuple(sorted(scorers)) for kind, scorers in sorted(found.items())}


def _run(case: ModelCase, population: Population, level: float, seed: int) -> CaseResult:
    try:
        rows = population.where(None if case.where is None else parse(case.where))
    except ExpressionError as error:
        raise ConfigurationError(f"the test case {case.name!r}: where: {told(error)}") from error
    found = figure(case.metric, population, rows, level, seed)
    result, why = judged(case, found)
    return CaseResult(
        **case.model_dump(include={"name", "where", "metric", "assertion", "least", "judge_by"}),
        result=result,
        why=f"{why} ({found.groups} groups alone: the true interval is wider)" if found.few_groups else why,
        count=found.count,
        value=found.value,
        low=found.low,
        high=found.high,
        method=found.method,
        groups=found.groups,
    )


def figure(metric: str, population: Population, rows: Flags, level: float, seed: int) -> Estimate:
    """Return a metric of a test case over some windows."""
    if metric == "accept_rate":
        return population.accept_rate(rows, level, seed)
    if metric == "mean_score":
        return population.mean_score(rows, level, seed)
    if metric in RATES:
        return rate(metric, population.cases(rows)[0], level=level, seed=seed)
    cases, found = population.cases(rows & ~np.isnan(population.scores))
    own = population.scores[found], cases.bad, cases.weights, cases.groups
    return area(*own, heaviest=cases.heaviest, level=level, seed=seed)


def judged(case: ModelCase, found: Estimate) -> tuple[Result, str]:
    """Return what becomes of a case, and why."""
    comparison, bound = case.bound
    holds = _HOLDS[comparison]
    if found.value is None:
        return "too_few", "no parent that the metric is about"
    if found.count < case.least:
        return "too_few", f"{found.count} parents, and {case.least} are wanted"
    shown = f"{found.value:.4g}"
    if not holds(found.value, bound):
        return "failed", f"{shown} is not {comparison} {bound:g}"
    if case.judge_by == "point":
        return "passed", f"{shown} is {comparison} {bound:g}"
    return _by_interval(case, found, shown)


def _by_interval(case: ModelCase, found: Estimate, shown: str) -> tuple[Result, str]:
    """Return what becomes of a case whose figure holds."""
    comparison, bound = case.bound
    holds = _HOLDS[comparison]
    if found.few_groups:
        return "too_few", f"{shown} is {comparison} {bound:g}, but an interval needs {FEW_GROUPS} groups"
    span = f"{found.low:.4g} to {found.high:.4g}"
    end = found.high if comparison.startswith("<") else found.low
    if holds(end, bound):
        return "passed", f"{shown}, and all of {span}, is {comparison} {bound:g}"
    return "too_few", f"{shown} is {comparison} {bound:g}, but not all of {span}: more labels would tell"
