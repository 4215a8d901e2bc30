"""Policies of every kind, for properties."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schemas.itemrules import Duplicate, FlaggedWords, ItemRule, Language, Length, MetricRange
from schemas.policy import ANY, Action, Audit, Completeness, Label, Late, Method, PassRate, Policy, Rule, Thresholds
from schemas.windows import IndexRanges, TimeSpans, Whole

names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
shares = st.floats(0.0, 1.0)
times = st.integers(1, 10**9)
edges = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3, unique=True).map(sorted)
checks = st.one_of(
    st.builds(Duplicate),
    st.builds(Length, min=st.floats(0.0, 9.0), unit=st.sampled_from(["bytes", "words"])),
    st.builds(FlaggedWords, words=st.tuples(st.sampled_from(["lorem", "no", "1.5", "yes: no", "null"]))),
    st.just(Language(allowed=("en", "no"))),
    st.builds(MetricRange, metric=names, max=st.floats(-1e9, 1e9)),
)
windows = st.one_of(
    st.builds(Whole),
    st.builds(TimeSpans, length_ms=times),
    st.builds(IndexRanges, size=st.integers(1, 10**6)),
)


@st.composite
def thresholds(draw: st.DrawFn) -> Thresholds:
    low, medium, high = draw(edges)
    return Thresholds(low=low, medium=medium, high=high)


@st.composite
def rules(draw: st.DrawFn, kind: str = ANY, source: str = ANY) -> Rule:
    """Draw a rule for a kind and source in which every field may be another than the default."""
    fields: dict[str, Any] = {
        "window": draw(windows),
        "method": draw(st.builds(Method, name=st.sampled_from(["mean", "min", "quantile"]), q=shares)),
        "thresholds": draw(thresholds()),
        "actions": {label: draw(st.sampled_from(Action)) for label in Label},
        "review_flag": draw(st.frozensets(st.sampled_from(Label))),
        "completeness": draw(st.builds(Completeness, min_scored=st.integers(1, 99), max_missing=shares)),
        "idle_ms": draw(times),
        "late": draw(st.builds(Late, rule=st.sampled_from(["count", "revise"]), allowed_ms=st.integers(1, 10**7))),
        "items": tuple(draw(st.lists(checks, max_size=2).map(_named))),
        "audit": draw(st.builds(Audit, accept=shares)),
        "expected_pass_rate": draw(st.none() | st.builds(PassRate, low=st.just(0.25))),
        "uncalibrated_may_reject": draw(st.booleans()),
    }
    return Rule(kind=kind, source=source, **fields)


def _named(found: list[Any]) -> list[ItemRule]:
    return [ItemRule(name=f"rule_{number}", when=when, then="review") for number, when in enumerate(found)]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Draw a policy with a rule for everything, and some for kinds and sources."""
    scopes = draw(st.lists(st.tuples(names, names), max_size=2, unique=True))
    own = [draw(rules(kind, source)) for kind, source in scopes if (kind, source) != (ANY, ANY)]
    return Policy(name=draw(names), version=draw(st.integers(1, 99)), rules=[draw(rules()), *own])
