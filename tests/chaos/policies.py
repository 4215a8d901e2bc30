"""The policy versions of a run: rules for every kind of window, and two documents to switch between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from deploy import policyfiles
from schemas.policy import Policy

NAME = "chaos"
Versions = dict[str, Policy]  # by name@version

_RELAXED = {"min_scored": 1, "max_missing": 1.0, "failed_as": "zero"}
_MISSING = {"min_scored": 3, "max_missing": 0.2, "failed_as": "missing"}


def versions(idle_ms: int, late_ms: int) -> Versions:
    """Return the versions 1 and 2.

    Args:
        idle_ms: of whole parents; spans of time close sooner, by their age as well.
        late_ms: late time, of the rules that revise as of those that only count.
    """
    counted = {"rule": "count", "allowed_ms": late_ms}
    soon = max(300, idle_ms // 8)

    def rule(source: str, method: dict[str, Any], **other: Any) -> dict[str, Any]:
        return {"source": source, "method": method, "idle_ms": idle_ms, "late": counted, **other}

    revised = {"rule": "revise", "allowed_ms": late_ms}
    ordinary = yaml.safe_load(policyfiles.DEFAULT.read_text())["rules"][0] | {"idle_ms": idle_ms, "late": counted}
    first = [
        ordinary,
        rule("early-min", {"name": "min"}, early=True, completeness=_RELAXED),
        rule("early-median", {"name": "median"}, early=True, completeness=_RELAXED),
        rule("ranges", {"name": "mean"}, window={"by": "index", "size": 50}),
        rule(
            "tumbling",
            {"name": "quantile", "q": 0.1},
            window={"by": "time", "length_ms": 30_000},
            completeness=_MISSING,
            idle_ms=soon,
            max_age_ms=soon + soon // 4,
        ),
        rule(
            "sliding",
            {"name": "trimmed_mean", "trim": 0.2},
            window={"by": "time", "length_ms": 30_000, "hop_ms": 10_000},
            late=revised,
            idle_ms=soon,
        ),
        rule("revised", {"name": "mean"}, late=revised, audit={"accept": 0.2, "reject": 0.5}),
    ]
    edges = {"thresholds": {"high": 0.8, "medium": 0.5, "low": 0.3}}
    methods = {
        "early-min": {"name": "share_below", "threshold": 0.3},
        "early-median": {"name": "trimmed_mean", "trim": 0.1},
        "ranges": {"name": "median", "median": "low"},
        "tumbling": {"name": "mean"},
        "revised": {"name": "quantile", "q": 0.25},
    }
    second = [one | edges | {"method": methods.get(one["source"], one["method"])} for one in first]
    second[0] = second[0] | {"uncalibrated_may_reject": True}
    documents = [{"name": NAME, "version": place, "rules": rules} for place, rules in enumerate((first, second), 1)]
    return {policy.reference: policy for policy in map(Policy.model_validate, documents)}


def write(known: Versions, folder: Path) -> Path:
    """Write each version to a file of a folder; return that of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for reference, policy in known.items():
        (folder / f"{reference}.yaml").write_text(yaml.safe_dump(policy.model_dump(mode="json")))
    return folder / f"{NAME}@1.yaml"
