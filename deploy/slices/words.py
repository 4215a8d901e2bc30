"""What an audit of slices found, in sentences, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from deploy.slices.audits import Audit
from workers.slices.curves import Curve
from workers.slices.estimates import Estimate
from workers.slices.relations import Relation

RATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "false_accept_rate": "false accepts",
        "false_reject_rate": "false rejects",
        "held_back_rate": "good held back",
        "bad_among_accepted": "bad among accepted",
        "wrong_rate": "wrong",
    }
)
"""What columns are called."""

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "false_accept_rate": "of the bad parents, how many were accepted",
        "false_reject_rate": "of the good parents, how many were rejected",
        "held_back_rate": "of the good parents, how many were not accepted",
        "bad_among_accepted": "of the accepted parents, how many are bad",
        "wrong_rate": "of all parents, how many are accepted and bad, or rejected and good",
    }
)
STANDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alarm": "surely above the bound",
        "above": "above the bound, but not surely",
        "unsure": "not above the bound, but not surely",
        "within": "surely within the bound",
        "unknown": "no label to judge by",
    }
)
METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "exact": "Clopper-Pearson",
        "weighted": "Clopper-Pearson, for what the weights are worth",
        "groups": "bootstrap of whole groups",
        "student": "Student",
        "newcombe": "Newcombe",
        "none": "none",
    }
)


def percent(value: float | None) -> str:
    """Return a share as people read it, or a dash."""
    return "-" if value is None else f"{value:.1%}"


def span(found: Estimate) -> str:
    """Return an interval, or nothing where there is no figure."""
    return "" if found.value is None else f"{found.low:.1%} to {found.high:.1%}"


def verdict(audit: Audit) -> str:
    """Return what was found, in one or two sentences."""
    whole = audit.whole.slice
    if not whole.count:
        return "No label is about a window that was decided here: nothing is known about errors."
    told = f"{whole.count:,} of {audit.whole.decided:,} windows have a label, {whole.bad:,} of them bad."
    alarms = audit.alarms
    if alarms:
        names = ", ".join(one.name for _, one in alarms[:5]) + (f" and {len(alarms) - 5} more" if alarms[5:] else "")
        return f"{told} Surely above a bound: {names}."
    if audit.question.bounds:
        return f"{told} No slice is surely above its bound."
    return told


def trend(found: Curve) -> str:
    """Return what a rate does as a metric rises."""
    return f"{_shaped(found.trend)} ({_tests(found.trend)})" if found.trend.correlation is not None else _nothing(found)


def relation(found: Relation) -> str:
    """Return what a metric has to do with errors."""
    return _shaped(found) if found.correlation is not None else "cannot be told: it, or the errors, are all alike"


def method(audit: Audit) -> str:
    """Return where the intervals come from."""
    methods = {one.method for one in audit.whole.slice.rates.values() if one.value is not None}
    named = ", ".join(METHODS[one] for one in sorted(methods)) or "none"
    return f"Intervals of {audit.question.level:.0%}, on two sides: {named}."


def tested(audit: Audit) -> Iterator[str]:
    """Yield what the tests of metrics rest on."""
    if not audit.relations:
        return
    first = audit.relations[0]
    errors = RATES[audit.question.errors]
    yield (
        f"{len(audit.relations)} metrics beside {errors}: p-values are corrected for all of them, by permutations"
        f" within kinds; one or more is found by chance in {audit.question.alpha:.0%} of such audits at most."
    )
    if first.tested < first.count:
        yield (
            f"The tests rest on {first.tested:,} of {first.count:,} windows at a time: one of each group, drawn alike;"
            " fewer are found so than could be among as many independent ones."
        )


def _shaped(found: Relation) -> str:
    match found.shape:
        case "rises":
            return "more errors where it is higher"
        case "falls":
            return "more errors where it is lower"
        case "other":
            return "errors go with it, but neither up nor down"
    return "nothing is to be seen"


def _tests(found: Relation) -> str:
    correlation = 0.0 if found.correlation is None else found.correlation
    return f"rank correlation {correlation:+.2f}, p {found.trend_p:.3g}; {found.tested:,} windows"


def _nothing(found: Curve) -> str:
    trend = found.trend
    return f"cannot be told: {trend.errors:,} errors among {trend.count:,} windows"
