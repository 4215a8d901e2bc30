"""The drawings of a comparison, each with the words for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.legend import Legend

from deploy.diff.judging import Judgement
from deploy.diff.spread import BINS, Spread
from deploy.trainreport.drawing import BAD, BASE, HEAD, SOFT, drawn
from workers.training.statistics import Bin

_LARGEST: Final = 90.0  # of a dot, in square points
_BEFORE, _AFTER = BASE, HEAD


def histogram(name: str, spread: Spread) -> Markup:
    """Return the scores of a kind before, upwards, and after, downwards.

    Args:
        name: unique in the page.
        spread: of the kind.
    """

    def draw(axes: Axes) -> None:
        places = np.arange(BINS) / BINS
        for counts, sign, colour, text in (
            (spread.counts[0], 1, _BEFORE, "before"),
            (spread.counts[1], -1, _AFTER, "after"),
        ):
            share = np.array(counts) / max(1, sum(counts)) * sign
            axes.bar(places, share, width=0.9 / BINS, align="edge", color=colour, label=f"{text}, {sum(counts):,}")
        most = max(abs(limit) for limit in axes.get_ylim())
        axes.set_ylim(-most, most)
        axes.axhline(0, color=SOFT, linewidth=0.8)
        for edges, low, high in ((spread.edges[0], 0.5, 1.0), (spread.edges[1], 0.0, 0.5)):
            for edge in edges:
                axes.axvline(edge, low, high, color=SOFT, linewidth=0.9, linestyle=":")
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0%}")
        axes.grid(visible=False, axis="x")
        axes.set(xlabel="score of a window", ylabel="share of its side", xlim=(0, 1))
        _legend_above(axes)

    medians = ["none" if value is None else f"{value:.3f}" for value in spread.medians]
    return drawn(name, "Scores before and after", f"Median before {medians[0]}, after {medians[1]}.", draw)


def moves(name: str, spread: Spread) -> Markup:
    """Return the score after against that before, of the windows that are on both sides: larger dots are more of them.

    Args:
        name: unique in the page.
        spread: of the kind.
    """
    same, flipped = (np.array(table) for table in (spread.same, spread.flipped))
    most = max(1, int(same.max(initial=0)), int(flipped.max(initial=0)))

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
        for table, colour, text in ((same, SOFT, "same action"), (flipped, BAD, "another action")):
            x, y = np.nonzero(table)
            sizes = _LARGEST * np.sqrt(table[x, y] / most)
            label = f"{text}, {int(table.sum()):,}"
            axes.scatter((x + 0.5) / BINS, (y + 0.5) / BINS, s=sizes, color=colour, label=label, linewidths=0)
        axes.set(xlabel="score before", ylabel="score after", xlim=(0, 1), ylim=(0, 1))
        for handle in _legend_above(axes).legend_handles:
            if handle is not None:
                handle.set_sizes([20.0])  # type: ignore[attr-defined]

    higher, lower = int(np.triu(same + flipped, 1).sum()), int(np.tril(same + flipped, -1).sum())
    said = f"{higher:,} windows score clearly higher after, {lower:,} clearly lower; {int(flipped.sum()):,} flip."
    return drawn(name, "Score after against score before", said, draw, (4.6, 4.0))


def _legend_above(axes: Axes) -> Legend:
    """Return a legend that hides nothing."""
    return axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.0)


def reliability(name: str, judgement: Judgement) -> Markup:
    """Return the share of good windows against the score, before and after.

    Args:
        name: unique in the page.
        judgement: with figures on both sides.
    """

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":", label="score = share")
        for side, text, colour, dash in (
            (judgement.sides[0], "before", _BEFORE, "--"),
            (judgement.sides[1], "after", _AFTER, "-"),
        ):
            _bins(axes, f"{text}, ECE {side.ece:.3f}", side.bins, colour, dash)
        axes.set(xlabel="mean score of a bin", ylabel="share of good windows", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(loc="best")

    before, after = judgement.sides
    said = f"Expected calibration error before {before.ece:.3f}, after {after.ece:.3f}; {judgement.scored} windows."
    return drawn(name, "Reliability before and after", said, draw)


def _bins(axes: Axes, name: str, bins: Sequence[Bin], colour: str, dash: str) -> None:
    x, y = [one.score for one in bins], np.array([one.good for one in bins])
    low, high = (np.array([getattr(one, end) for one in bins]) for end in ("good_low", "good_high"))
    errors = np.maximum(np.stack([y - low, high - y]), 0.0)
    style: dict[str, Any] = {"color": colour, "linestyle": dash, "marker": "o", "markersize": 3.5}
    axes.errorbar(x, y, yerr=errors, label=name, capsize=2, elinewidth=0.9, **style)
