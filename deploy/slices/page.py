"""The page of an audit: one HTML file that asks nothing of the net."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy import trainreport
from deploy.report import page as pages
from deploy.slices import words
from deploy.slices.audits import Audit
from deploy.slices.plots import plots

_FOLDER: Final = Path(__file__).parent / "page"
_STYLES: Final = (
    Path(pages.__file__).parent / "page" / "style.css",
    Path(trainreport.__file__).parent / "page" / "style.css",
    _FOLDER / "slices.css",
)


def render(audit: Audit) -> str:
    """Return the page."""
    style = "\n".join(path.read_text(encoding="utf-8") for path in _STYLES)
    environment = pages.environment(_FOLDER)
    environment.filters["percent"] = words.percent
    environment.filters["span"] = words.span
    environment.filters["relation"] = words.relation
    environment.filters["count"] = lambda value: f"{value:,}"
    context: dict[str, Any] = {
        "audit": audit,
        "policy": pages.content_policy(style),
        "style": style,
        "verdict": words.verdict(audit),
        "rates": words.RATES,
        "meanings": words.MEANINGS,
        "standings": words.STANDINGS,
        "method": words.method(audit),
        "tested": list(words.tested(audit)),
        "plots": plots(audit),
        "made": datetime.now(UTC),
    }
    return environment.get_template("slices.html").render(context)
