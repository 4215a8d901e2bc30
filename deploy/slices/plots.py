"""The figures of the page of slices, each with the words for those who do not see it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from deploy.slices.audits import Audit, Row, Slicing
from deploy.slices.words import RATES, percent, relation, span, trend
from deploy.trainreport.drawing import BAD, GOOD, HEAD, SIZE, SOFT, drawn
from workers.slices.curves import Curve
from workers.slices.relations import Relation

_MOST: Final = 20  # rows of a figure
_LONGEST: Final = 26  # characters of a name
_ROW: Final = 0.24  # inches
_LEAST: Final = 1.8  # inches

Drawing = tuple[str, Markup, str]
"""Heading, figure and caption."""


def plots(audit: Audit) -> list[Drawing]:
    """Return the figures there is something to draw for."""
    found: list[Drawing] = []
    for number, one in enumerate(audit.slicings):
        labelled = [row for row in one.rows if row.slice.count]
        if labelled and not one.curves:
            found.append(_slices(f"slices-{number}", audit, one, labelled[:_MOST]))
        for place, (kind, curve) in enumerate(one.curves.items()):
            found.append(_curve(f"curve-{number}-{place}", audit, kind, curve))
    known = [one for one in audit.relations if one.correlation is not None]
    if known:
        found.append(_relations(audit, known[:_MOST]))
    return found


def _slices(name: str, audit: Audit, slicing: Slicing, rows: Sequence[Row]) -> Drawing:
    rate = audit.question.errors
    whole = audit.whole.slice.rates[rate]
    bound = next((one for one in audit.question.bounds if one.rate == rate), None)

    def draw(axes: Axes) -> None:
        for place, row in enumerate(reversed(rows)):
            one = row.slice.rates[rate]
            colour = BAD if row.slice.standings.get(rate) == "alarm" else HEAD
            axes.plot([one.low, one.high], [place, place], color=colour if one.value is not None else SOFT)
            if one.value is not None:
                axes.plot([one.value], [place], "o", color=colour, markersize=4.5)
            if bound is not None and bound.of(row.slice.name) < 1.0:
                axes.plot([bound.of(row.slice.name)], [place], "|", color=SOFT, markersize=11)
        if whole.value is not None:
            axes.axvline(whole.value, color=SOFT, linewidth=0.8, linestyle=":")
        axes.set_yticks(range(len(rows)), [_name(row.slice.name) for row in reversed(rows)])
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set(xlabel=RATES[rate], xlim=(-0.02, 1.02), ylim=(-0.7, len(rows) - 0.3))

    said = "; ".join(
        f"{row.slice.name}: {percent(row.slice.rates[rate].value)}, {span(row.slice.rates[rate])}" for row in rows
    )
    drawing = _drawn(name, f"{RATES[rate]} by {slicing.by}", f"With intervals. {said}.", draw, len(rows))
    bounded = " A stroke is the bound of a slice." if bound is not None else ""
    return (
        f"{RATES[rate].capitalize()} by {slicing.by}",
        drawing,
        f"The worst first, with intervals. The dotted line is the rate of all.{bounded}",
    )


def _curve(name: str, audit: Audit, kind: str, curve: Curve) -> Drawing:
    rate = RATES[audit.question.errors]
    known = [one for one in curve.bins if one.rate.value is not None]

    def draw(axes: Axes) -> None:
        x, y = np.array([one.middle for one in known]), np.array([one.rate.value or 0.0 for one in known])
        ends = np.array([[one.rate.low, one.rate.high] for one in known]).reshape(-1, 2)
        errors = np.maximum(np.stack([y - ends[:, 0], ends[:, 1] - y]), 0.0)
        axes.errorbar(x, y, yerr=errors, color=HEAD, marker="o", markersize=4, capsize=2.5, elinewidth=0.9)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set(xlabel=_name(curve.name), ylabel=rate, ylim=(-0.02, 1.02))

    said = "; ".join(f"{one.low:.4g} to {one.high:.4g}: {percent(one.rate.value)}, {span(one.rate)}" for one in known)
    title = f"{rate.capitalize()} of {kind} by {curve.name}"
    missing = f" {curve.missing:,} windows lack it." if curve.missing else ""
    return title, _drawn(name, title, f"{said}.", draw), f"As {curve.name} rises: {trend(curve)}.{missing}"


def _relations(audit: Audit, known: Sequence[Relation]) -> Drawing:
    def draw(axes: Axes) -> None:
        colours = {"rises": BAD, "falls": GOOD, "other": HEAD, "none": SOFT}
        for place, one in enumerate(reversed(known)):
            axes.barh(place, one.correlation or 0.0, color=colours[one.shape], height=0.5)
        axes.axvline(0.0, color=SOFT, linewidth=0.8)
        axes.set_yticks(range(len(known)), [_name(one.name) for one in reversed(known)])
        axes.grid(visible=False, axis="y")
        axes.set(xlabel="rank correlation with errors", ylim=(-0.7, len(known) - 0.3))

    said = "; ".join(f"{one.name} {one.correlation or 0.0:+.2f}, {relation(one)}" for one in known)
    title = f"Metrics beside {RATES[audit.question.errors]}"
    caption = "The surest first. Coloured is what was found at the level that was asked for; grey may be chance."
    return title, _drawn("relations", title, f"{said}.", draw, len(known)), caption


def _drawn(name: str, title: str, text: str, draw: Callable[[Axes], None], rows: int = 0) -> Markup:
    size = (SIZE[0], max(_LEAST, 0.8 + rows * _ROW) if rows else SIZE[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font used for measuring lacks; the page's own has them
        return drawn(name, title, text, draw, size)


def _name(text: str) -> str:
    """Return a name as a label: not too long, and nothing in it is mathematics."""
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return "".join(letter if letter.isprintable() else "?" for letter in shown).replace("$", r"\$")
