"""The figure of a claim: what each threshold would accept, and how bad that would be."""

from __future__ import annotations

from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from numpy.typing import NDArray

from deploy.calibrate.result import Part
from deploy.trainreport.drawing import BAD, BASE, GOOD, HEAD, SOFT, THIRD, drawn
from workers.guarantee import Sample

_STEPS: Final = 500
_DASHES: Final = {"percentile": (BASE, "--"), "expected cost": (THIRD, "-."), "review capacity": (SOFT, (0, (5, 1)))}


def figure(number: int, part: Part, sample: Sample, alpha: float) -> Markup:
    """Return the figure of a part, with the thresholds of the alternatives beside its own.

    Args:
        number: of the part; unique in the page.
        part: what was found.
        sample: that it was found by.
        alpha: the share of bad ones that is allowed.
    """
    thresholds, accepted, risk = curves(sample)

    def draw(axes: Axes) -> None:
        axes.step(thresholds, accepted, where="pre", color=GOOD, label="accepted, of all")
        axes.step(thresholds, risk, where="pre", color=BAD, label="bad, of the accepted")
        axes.axhline(alpha, color=BAD, linewidth=0.8, linestyle=":", label=f"allowed: {alpha:g}")
        if part.threshold is not None:
            axes.axvline(part.threshold, color=HEAD, linewidth=1.6, label=f"guaranteed: {part.threshold:.3f}")
        for one in part.alternatives:
            if one.threshold is not None:
                colour, dash = _DASHES.get(one.name, (SOFT, "--"))
                axes.axvline(
                    one.threshold, color=colour, linewidth=1.1, linestyle=dash, label=f"{one.name}: {one.threshold:.3f}"
                )
        axes.set(xlabel="threshold: accepted from this score on", ylabel="share", xlim=(0, 1), ylim=(-0.02, 1.02))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    said = "No threshold is valid." if part.threshold is None else f"Guaranteed threshold {part.threshold:.3f}."
    others = "; ".join(f"{one.name} {one.threshold:.3f}" for one in part.alternatives if one.threshold is not None)
    return drawn(f"part{number}", "Thresholds", f"{said} {others}", draw, (7.2, 3.1))


def curves(sample: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return thresholds (k,), the estimated share of all that each accepts (k,), and of them the bad (k,).

    The share of bad ones is NaN where nothing is accepted.
    """
    order = np.argsort(-sample.scores, kind="stable")  # those that no threshold accepts come last
    weights = sample.weights[order] / sample.weights.sum()
    thresholds = np.linspace(0.0, 1.0, _STEPS + 1)
    counts = np.searchsorted(-sample.scores[order], -thresholds, side="right")
    accepted = np.concatenate([[0.0], weights.cumsum()])[counts]
    bad = np.concatenate([[0.0], (weights * sample.bad[order]).cumsum()])[counts]
    risk = np.divide(bad, accepted, out=np.full(len(thresholds), np.nan), where=accepted > 0)
    return thresholds, accepted, risk
