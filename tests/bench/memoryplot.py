"""Plots as SVG, by hand: lines with their names, axes with round figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]
WIDTH, HEIGHT = 520, 340  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 60, 110, 36, 48
COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#8a5fbf", "#c77f1a", "#3aa6a6", "#555555")
TICKS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line and its name."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes; both logarithmic, or both from 0."""

    title: str
    across: str
    up: str
    lines: Sequence[Line]
    bound: tuple[str, float] | None = None
    logarithmic: bool = False


def draw(panels: Sequence[Panel]) -> str:
    """Return the panels side by side as an SVG document."""
    parts = [f'<g transform="translate({WIDTH * place},0)">{_panel(one)}</g>' for place, one in enumerate(panels)]
    size = f'width="{WIDTH * len(panels)}" height="{HEIGHT}" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}"'
    style = 'font-family="sans-serif" font-size="11" fill="#222"'
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{background}{"".join(parts)}</svg>\n'


def _panel(panel: Panel) -> str:
    points = [point for line in panel.lines for point in line.points]
    highest = max([y for _, y in points] + ([panel.bound[1]] if panel.bound else []))
    xs = _ticks([x for x, _ in points], logarithmic=panel.logarithmic)
    ys = _ticks([*(y for _, y in points), highest], logarithmic=panel.logarithmic)
    right = _scale(xs, LEFT, WIDTH - RIGHT, logarithmic=panel.logarithmic)
    up = _scale(ys, HEIGHT - BOTTOM, TOP, logarithmic=panel.logarithmic)
    parts = [_text(LEFT, TOP - 16, panel.title, weight="bold")]
    parts += [_tick(right(x), HEIGHT - BOTTOM + 16, x, "middle") for x in xs]
    parts += [_tick(LEFT - 6, up(y) + 4, y, "end") for y in ys]
    parts += [_rule(up(y), "#ddd") for y in ys]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, panel.across, anchor="middle"))
    parts.append(_text(LEFT, TOP - 3, panel.up, anchor="end"))
    if panel.bound is not None:
        name, height = panel.bound
        parts += [_rule(up(height), "#b00", dashed=True), _text(WIDTH - RIGHT + 4, up(height) + 4, name)]
    for place, line in enumerate(panel.lines):
        parts.append(_line(line, COLOURS[place % len(COLOURS)], right, up))
        parts.append(_legend(line, COLOURS[place % len(COLOURS)], TOP + 40 + 16 * place))
    return "".join(parts)


def _ticks(values: Sequence[float], *, logarithmic: bool) -> list[float]:
    """Return round figures that hold all values between the first and the last."""
    if logarithmic:
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return [10.0**power for power in range(first, max(last, first + 1) + 1)]
    raw = max(values) / TICKS
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    return [step * number for number in range(math.ceil(max(values) / step) + 1)]


def _scale(ticks: Sequence[float], low: float, high: float, *, logarithmic: bool) -> Callable[[float], float]:
    measure: Callable[[float], float] = math.log10 if logarithmic else float
    first, last = measure(ticks[0]), measure(ticks[-1])
    return lambda value: low + (measure(value) - first) / (last - first) * (high - low)


def _line(line: Line, colour: str, right: Callable[[float], float], up: Callable[[float], float]) -> str:
    path = " ".join(f"{right(x):.1f},{up(y):.1f}" for x, y in line.points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def _legend(line: Line, colour: str, height: float) -> str:
    left = WIDTH - RIGHT + 10
    mark = (
        f'<line x1="{left}" x2="{left + 14}" y1="{height - 4}" y2="{height - 4}" stroke="{colour}" stroke-width="3"/>'
    )
    return mark + _text(left + 20, height, line.name)


def _rule(height: float, colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="{colour}"{dashes}/>'


def _tick(left: float, height: float, value: float, anchor: str) -> str:
    return _text(left, height, f"{value:,.6g}", anchor=anchor)


def _text(left: float, height: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{left:.1f}" y="{height:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f"<text {place}>{escape(text)}</text>"
