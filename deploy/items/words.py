"""What was asked for, read and found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from deploy.items.figures import LEAST_FOR_FENCES
from deploy.items.reading import Passed
from deploy.items.selection import Selection

_OTHERS = {"ItemFailed": "failed", "ItemSkipped": "skipped", "ItemRuled": "answered by a rule"}


def summary(selection: Selection, passed: Passed) -> str:
    """Return how many items match, of how many that were read."""
    others = [f"{passed.others[name]:,} {told}" for name, told in _OTHERS.items() if passed.others[name]]
    unscored = f"; without a score, and not listed: {', '.join(others)}" if others else ""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(selection.kinds.items()))
    found = f"{selection.matched:,} of {selection.read:,} scored items match"
    return f"{found}{f' ({kinds})' if len(selection.kinds) > 1 else ''}{unscored}"


def asked(selection: Selection) -> str:
    """Return what was asked for, in one line; empty where it was everything."""
    query = selection.query
    order = None if query.order is None else f"{query.order}, {'highest' if query.descending else 'lowest'} first"
    most = None if query.most is None else f"the first {query.most:,}{f' of each {query.per}' if query.per else ''}"
    parts = {
        "where": None if query.where is None else " ".join(query.where.source.text.split()),
        "kind": query.kind,
        "source": query.source,
        "parent": query.parent,
        "from": None if query.since is None else _clock(query.since),
        "to": None if query.until is None else _clock(query.until),
        "outliers by": None if query.outliers is None else f"{query.outliers}, {query.reach:g} interquartile ranges",
        "in order of": order,
        "shown": most,
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items() if value is not None)


def notes(selection: Selection, passed: Passed) -> Iterator[str]:
    """Yield what a reader should know: missing values, kinds without fences, what could not be read."""
    query = selection.query
    used = set() if query.where is None else set(query.where.metrics)
    for name, count in selection.lacking.items():
        last = ": they come last" if name == query.order else ""
        yield f"{count:,} of those that match have no {name}{last}"
    if used and not selection.matched:
        yield f"an item without {' or '.join(sorted(used))} fits no comparison with it; missing(name) finds those"
    if query.outliers is not None:
        yield from (_fence(selection, kind) for kind in sorted(selection.unfenced))
    if selection.repeated:
        yield f"left out: {selection.repeated:,} earlier answers of items that were answered again"
    if passed.unreadable:
        yield f"left out: {passed.unreadable:,} records that are not to be read"


def _fence(selection: Selection, kind: str) -> str:
    return f"fewer than {LEAST_FOR_FENCES} items of {kind} have {selection.query.outliers}: no outliers among them"


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
