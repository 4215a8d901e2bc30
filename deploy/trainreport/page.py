"""Writes the report: `report.html`, one page that asks nothing of the net, and `report.json` with every figure.

Neither holds a date: the same evaluation gives the same bytes, so that a head's folder can be named by its content.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from deploy.report import page as pages
from deploy.trainreport.measured import Measured
from deploy.trainreport.mistakes import Look, Mistakes, look, mistakes
from deploy.trainreport.plots import plots
from deploy.trainreport.summary import Summary, summarise
from deploy.trainreport.words import CANDIDATES, RIVALS, captions, verdict, warnings
from schemas.policy import Thresholds
from workers.training.evaluation import Evaluation

PAGE: Final = "report.html"
FIGURES: Final = "report.json"
_FOLDER: Final = Path(__file__).parent / "page"
_STYLES: Final = (Path(pages.__file__).parent / "page" / "style.css", _FOLDER / "style.css")


def write(
    evaluation: Evaluation,
    folder: Path,
    *,
    policy: Thresholds | None = None,
    medical: bool = False,
    preview: Look = look,
    repetitions: int = 1000,
) -> Path:
    """Write the page and the figures beside it, and return where the page is.

    Args:
        evaluation: what training found.
        folder: where both are written; it is made where it is missing.
        policy: the thresholds that the confusion is shown at; None: those of a policy that names none.
        medical: show pictures of medical kinds too; whoever has the page sees them.
        preview: what an item looks like.
        repetitions: resamples for each interval.

    Raises:
        OSError: the folder cannot be written.
        ValueError: a score is not finite, or not in [0,1].
    """
    summary = summarise(evaluation, policy, repetitions=repetitions)
    seen = mistakes(evaluation, medical=medical, look=preview)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FIGURES).write_text(_json(summary, seen), encoding="utf-8")
    (folder / PAGE).write_text(render(summary, seen), encoding="utf-8")
    return folder / PAGE


def render(summary: Summary, seen: Mistakes) -> str:
    """Return the page."""
    style = "\n".join(path.read_text(encoding="utf-8") for path in _STYLES)
    environment = pages.environment(_FOLDER)
    environment.filters["figure"] = _figure
    environment.filters["interval"] = _interval
    environment.filters["share"] = lambda value: "-" if value is None else f"{value:.1%}"
    context: dict[str, Any] = {
        "summary": summary,
        "judged": summary.judged,
        "mistakes": seen,
        "plots": plots(summary),
        "style": style,
        "policy": pages.content_policy(style),
        "verdict": verdict(summary),
        "warnings": warnings(summary),
        "captions": captions(summary),
        "candidates": CANDIDATES,
        "rivals": RIVALS,
    }
    return environment.get_template("report.html").render(context)


def _json(summary: Summary, seen: Mistakes) -> str:
    found = asdict(summary) | {
        "format": 1,
        "verdict": verdict(summary),
        "warnings": warnings(summary),
        "mistakes": {
            side: [
                {"item": one.item.name, "group": one.item.group, "label": one.item.label, "score": one.item.score}
                for one in rows
            ]
            for side, rows in (("bad", seen.bad), ("good", seen.good))
        },
    }
    return json.dumps(found, indent=2, allow_nan=False, sort_keys=True) + "\n"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(measured: Measured) -> str:
    if measured.low is None or measured.high is None:
        return ""
    return f"{measured.low:.3f} to {measured.high:.3f}"
