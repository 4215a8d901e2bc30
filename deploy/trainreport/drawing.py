"""Figures as SVG that lies in the page: deterministic, with colours that follow the page's theme.

Matplotlib writes SVG for files. In a page it would clash with its neighbours' ids, be refused by the content security
policy for its inline styles, and stay black on black in dark mode. So what it writes is read back: styles become
attributes, colours become the page's variables, ids are made unique or dropped, metadata and namespaces go.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, Final
from xml.etree import ElementTree as ET

from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.style import context

INK, SOFT, LINE, HEAD, BASE, GOOD, BAD, THIRD = (f"#0101{number:02x}" for number in range(1, 9))
_VARIABLES: Final = {
    INK: "--ink",
    SOFT: "--soft",
    LINE: "--line",
    HEAD: "--focus",
    BASE: "--review",
    GOOD: "--accept",
    BAD: "--reject",
    THIRD: "--third",
}
"""Colours nobody would choose, each for a variable of the style sheet."""

SIZE: Final = (4.6, 3.1)  # inches; at 72 px an inch it fits a telephone without being scaled down much
_SETTINGS: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.labelcolor": INK,
    "figure.constrained_layout.use": True,
}
_SVG: Final = "{http://www.w3.org/2000/svg}"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_FONT: Final = frozenset({"font-family", "font"})  # the page's own


def drawn(name: str, title: str, text: str, draw: Callable[[Axes], None], size: tuple[float, float] = SIZE) -> Markup:
    """Return a figure as an `svg` element.

    Args:
        name: Unique in the page; what its ids begin with.
        title: What it is.
        text: What it shows, for those who do not see it.
        draw: Draws into the axes, with the colours of this module.
        size: In inches.
    """
    buffer = io.StringIO()
    with context(["default", {**_SETTINGS, "svg.hashsalt": name}]):  # whatever the user has set up
        figure = Figure(figsize=size)
        draw(figure.subplots())
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 (matplotlib wrote it just now)
    width, height = (round(inches * 72) for inches in size)
    inner = "".join(ET.tostring(_clean(child, name, _used(root)), encoding="unicode") for child in root)
    return Markup(  # noqa: S704 (what is not ours is escaped, here or by ElementTree)
        f'<svg class="plot" role="img" viewBox="0 0 {width} {height}" aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(text)}</desc>{inner}</svg>'
    )


def _used(root: ET.Element) -> frozenset[str]:
    """Return the ids that something refers to."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    return frozenset(
        found for value in values for found in re.findall(r"url\(#([^)]+)\)|^#(.+)$", value) for found in found
    )


def _clean(element: ET.Element, name: str, used: frozenset[str]) -> ET.Element:
    """Return an element without namespaces, inline styles and ids of no use."""
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        if key == "style":
            attributes |= _styles(value)
        elif key == "id":
            attributes |= {"id": f"{name}-{value}"} if value in used else {}
        elif key == _LINK:
            attributes["href"] = f"#{name}-{value.removeprefix('#')}"
        else:
            attributes[key] = re.sub(r"url\(#", f"url(#{name}-", " ".join(value.split()))
    made = ET.Element(element.tag.removeprefix(_SVG), attributes)
    made.text = (element.text or "").strip() or None
    made.extend(_clean(child, name, used) for child in element if child.tag != f"{_SVG}style")
    return made


def _styles(value: str) -> dict[str, str]:
    """Return an inline style as attributes, its colours as variables of the page."""
    pairs = (part.partition(":") for part in value.split(";") if part.strip())
    found = {key.strip(): text.strip() for key, _, text in pairs}
    return {
        key: f"var({_VARIABLES[text]})" if text in _VARIABLES else text
        for key, text in found.items()
        if key not in _FONT
    }
