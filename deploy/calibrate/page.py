"""The report of a calibration: one page that asks nothing of the net. It holds no date."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from deploy.calibrate.plots import figure
from deploy.calibrate.run import Outcome
from deploy.report import page as pages

_FOLDER: Final = Path(__file__).parent / "page"
_STYLES: Final = (
    Path(pages.__file__).parent / "page" / "style.css",
    Path(pages.__file__).parent.parent / "trainreport" / "page" / "style.css",
)


def render(outcome: Outcome) -> str:
    """Return the page."""
    style = "\n".join(path.read_text(encoding="utf-8") for path in _STYLES)
    record = outcome.calibration
    environment = pages.environment(_FOLDER)
    environment.filters["share"] = lambda value: "-" if value is None else f"{value:.1%}"
    environment.filters["edge"] = lambda value: "none" if value is None else f"{value:.3f}"
    context: dict[str, Any] = {
        "record": record,
        "figures": [
            figure(number, one.part, one.sample, record.alpha) for number, one in enumerate(outcome.parts) if one.sample
        ],
        "style": style,
        "policy": pages.content_policy(style),
    }
    return environment.get_template("calibration.html").render(context)
