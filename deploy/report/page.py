"""The page: one HTML file that asks nothing of the net. The template escapes whatever came from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy.report.charts import charts
from deploy.report.data import Report, Row
from schemas.decisions import Decision

_FOLDER: Final = Path(__file__).parent / "page"
# Figures of a run that are worth a place at the top, in this order; the others are there already, or in the details.
_FIGURES: Final = {
    "items": ("items", ""),
    "lost": ("lost", ""),
    "duplicated": ("decided twice", ""),
    "dead_letters": ("dead letters", ""),
    "encoder_calls": ("encoder calls", ""),
    "cache_hits": ("cache hits", ""),
    "seconds_to_first_decision": ("to the first decision", "s"),
    "seconds": ("in all", "s"),
}
_CLOSED: Final = {
    "complete": "complete",
    "end": "ended by its producer",
    "idle": "went quiet",
    "max_age": "too old",
    "early": "settled early",
    "memory": "memory was short",
    "reopened": "opened again",
    "truncated": "cut by retention",
}
_WORDS: Final = {
    "complete": "all items were answered",
    "end": "its producer ended it",
    "idle": "nothing new came",
    "max_age": "it had been open for too long",
    "early": "no remaining item could change the action",
    "memory": "it was among the oldest when memory was short",
    "reopened": "its earlier decision had been forgotten",
    "truncated": "records of it were deleted before they were read",
}


def render(report: Report, summary: Mapping[str, Any] | None = None, damages: Mapping[str, str] | None = None) -> str:
    """Return the page.

    Args:
        report: what was read from the topics.
        summary: figures of the run, where there was one, as in summary.json.
        damages: what was done to each parent on purpose, where that is known.
    """
    style, script = _part("style.css"), _part("script.js")
    context: dict[str, Any] = {
        "report": report,
        "policy": content_policy(style, script),
        "style": style,
        "script": script,
        "figures": _figures(summary or {}),
        "expectations": (summary or {}).get("expectations", {}),
        "damages": damages or {},
        "actions": report.by_action(),
        "kinds": sorted({row.decision.kind for row in report.rows}),
        "charts": charts(report.rows),
        "policies": sorted({_named(row.decision) for row in report.rows}),
        "scorers": sorted({(row.decision.kind, scorer) for row in report.rows for scorer in row.decision.scorers}),
        "keys": [_keys(row, (damages or {}).get(row.decision.parent_id, "")) for row in report.rows],
        "made": datetime.now(UTC),
        "causes": _WORDS,
        "closed": _CLOSED,
    }
    return environment(_FOLDER).get_template("report.html").render(context)


def _figures(summary: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    return {text: (summary[name], unit) for name, (text, unit) in _FIGURES.items() if name in summary}


def environment(folder: Path) -> Environment:
    """Return what renders the templates of a folder, which extend `base.html` here.

    It escapes, and an unknown name is an error.
    """
    made = Environment(
        loader=FileSystemLoader([folder, _FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["time"] = lambda ms: f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    made.filters["words"] = lambda code: str(code).replace("_", " ")
    made.filters["score"] = lambda value: "-" if value is None else f"{value:.3f}"
    made.filters["figure"] = lambda value: "-" if value != value else f"{value:.4g}"  # noqa: PLR0124 (NaN: there is none)
    made.filters["bar"] = lambda share: f"{share * 100:.2f}"
    return made


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def content_policy(style: str, script: str = "") -> str:
    """Return the content security policy: our own style and script by their hashes, pictures in the page, no more."""
    own = [f"{name}-src 'sha256-{_digest(text)}'" for name, text in (("style", style), ("script", script)) if text]
    return "; ".join(["default-src 'none'", "img-src data:", *own, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _named(decision: Decision) -> tuple[str, int, str]:
    return (decision.policy.name, decision.policy.version, decision.policy.digest)


def _keys(row: Row, damage: str) -> dict[str, Any]:
    """Return what a row is filtered and sorted by in the browser."""
    decision = row.decision
    reasons = {reason for answer in row.answers for reason in answer.why}
    words = (decision.parent_id, decision.kind, decision.source, decision.label or "", damage, *decision.reasons)
    return {
        "kind": decision.kind,
        "action": decision.action,
        "score": decision.score,
        "text": " ".join((*words, *sorted(reasons))).replace("_", " ").casefold(),
    }
