"""The figures of the report, each with the words for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from deploy.trainreport.drawing import BAD, BASE, GOOD, HEAD, INK, SOFT, THIRD, drawn
from deploy.trainreport.summary import HISTOGRAM_BINS, Calibration, Judged, Roc, Summary
from deploy.trainreport.words import CANDIDATES
from workers.training.evaluation import CurvePoint, EpochLoss

_BASELINE: Final = "metrics"
_OTHERS: Final = (HEAD, THIRD, INK, SOFT)  # of the other models, in the order of their names


def plots(summary: Summary) -> dict[str, Markup]:
    """Return the figures there is something to draw for, by name."""
    found: dict[str, Markup] = {}
    if summary.curve:
        found["curve"] = _curve(summary.curve)
    if summary.judged is not None:
        found |= _judged(summary.judged, calibrated=summary.calibrated)
    if summary.losses:
        found["losses"] = _losses(summary.losses)
    return found


def _judged(judged: Judged, *, calibrated: bool) -> dict[str, Markup]:
    found: dict[str, Markup] = {}
    if judged.head_roc is not None and judged.metrics_roc is not None:
        found["roc"] = _roc(judged.head_roc, judged.metrics_roc, judged)
    return found | {"scores": _scores(judged), "reliability": _reliability(judged, calibrated=calibrated)}


def _curve(points: Sequence[CurvePoint]) -> Markup:
    models = sorted({point.model for point in points}, key=lambda name: (name != _BASELINE, name))
    others = [name for name in models if name != _BASELINE]
    sizes = sorted({point.labels for point in points})

    def draw(axes: Axes) -> None:
        for place, model in enumerate(models):
            own = sorted((point for point in points if point.model == model), key=lambda point: point.labels)
            x = np.array([point.labels for point in own]) * 1.03 ** (place - (len(models) - 1) / 2)  # side by side
            mean, low, high = (np.array([getattr(p, name) for p in own]) for name in ("mean", "low", "high"))
            errors = np.maximum(np.stack([mean - low, high - mean]), 0.0)
            baseline = model == _BASELINE
            colour, dash = (BASE, "--") if baseline else (_OTHERS[others.index(model) % len(_OTHERS)], "-")
            style: dict[str, Any] = {
                "color": colour,
                "linestyle": dash,
                "marker": "o",
                "markersize": 3.5,
                "capsize": 2.5,
            }
            axes.errorbar(x, mean, yerr=errors, label=CANDIDATES.get(model, model), elinewidth=0.9, **style)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set(xlabel="labels", ylabel="AUC on the test groups")
        axes.legend(loc="lower right")

    said = "; ".join(
        f"{p.labels} labels, {CANDIDATES.get(p.model, p.model)}: {p.mean:.2f} [{p.low:.2f}, {p.high:.2f}]"
        for p in points
    )
    return drawn("curve", "Learning curve", f"AUC by count of labels, with 95% intervals. {said}.", draw)


def _losses(losses: Sequence[EpochLoss]) -> Markup:
    def draw(axes: Axes) -> None:
        epochs = [loss.epoch for loss in losses]
        axes.plot(epochs, [loss.train for loss in losses], color=SOFT, linestyle="--", label="trained on")
        axes.plot(epochs, [loss.held_out for loss in losses], color=HEAD, label="held out")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel="binary cross-entropy, nats")
        axes.legend()

    last = losses[-1]
    best = min(losses, key=lambda loss: loss.held_out)
    said = (
        f"After {last.epoch} epochs {last.train:.3f} on what was trained on and {last.held_out:.3f} on held-out groups"
    )
    return drawn("losses", "Loss per epoch", f"{said}; lowest held out {best.held_out:.3f}, epoch {best.epoch}.", draw)


def _roc(head: Roc, metrics: Roc, judged: Judged) -> Markup:
    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":", label="chance")
        axes.plot(
            metrics.bad,
            metrics.good,
            color=BASE,
            linestyle="--",
            label=f"cheap metrics alone, {_number(judged.metrics.value)}",
        )
        axes.plot(head.bad, head.good, color=HEAD, label=f"head, {_number(judged.head.value)}")
        axes.set(xlabel="share of bad items accepted", ylabel="share of good items accepted")
        axes.legend(loc="lower right", title="AUC", title_fontsize=9)

    said = f"AUC of the head {_number(judged.head.value)}, of the cheap metrics alone {_number(judged.metrics.value)}."
    return drawn("roc", "ROC curves of the head and of the cheap metrics alone", said, draw)


def _reliability(judged: Judged, *, calibrated: bool) -> Markup:
    shown = [("before calibration", judged.before, SOFT, "--"), ("after calibration", judged.after, HEAD, "-")]
    shown = shown if calibrated else [("quality, uncalibrated", judged.after, HEAD, "-")]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":", label="score = share")
        for name, found, colour, dash in shown:
            _bins(axes, f"{name}, ECE {_number(found.ece.value)}", found, colour, dash)
        axes.set(xlabel="mean score of a bin", ylabel="share of good items", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(loc="best")

    said = "; ".join(
        f"{name}: ECE {_number(found.ece.value)}, by chance alone {found.by_chance:.3f}" for name, found, *_ in shown
    )
    return drawn(
        "reliability", "Reliability diagram", f"{said}. Bins of equally many items, with Wilson intervals.", draw
    )


def _bins(axes: Axes, name: str, found: Calibration, colour: str, dash: str) -> None:
    x, y = [one.score for one in found.bins], np.array([one.good for one in found.bins])
    low, high = (np.array([getattr(one, end) for one in found.bins]) for end in ("good_low", "good_high"))
    errors = np.maximum(np.stack([y - low, high - y]), 0.0)
    axes.errorbar(
        x,
        y,
        yerr=errors,
        label=name,
        color=colour,
        linestyle=dash,
        marker="o",
        markersize=3.5,
        capsize=2,
        elinewidth=0.9,
    )


def _scores(judged: Judged) -> Markup:
    def draw(axes: Axes) -> None:
        edges = np.arange(HISTOGRAM_BINS) / HISTOGRAM_BINS
        for counts, sign, colour, name in ((judged.good_scores, 1, GOOD, "good"), (judged.bad_scores, -1, BAD, "bad")):
            share = np.array(counts) / max(1, sum(counts)) * sign
            axes.bar(
                edges, share, width=0.9 / HISTOGRAM_BINS, align="edge", color=colour, label=f"{name}, {sum(counts)}"
            )
        axes.axhline(0, color=SOFT, linewidth=0.8)
        for threshold in judged.thresholds:
            axes.axvline(threshold.cut.threshold, color=INK, linewidth=0.7, linestyle=":")
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0%}")
        axes.grid(visible=False, axis="x")
        axes.set(xlabel="score", ylabel="share of its class", xlim=(0, 1))
        axes.legend(loc="best")

    middle = [_middle(counts) for counts in (judged.good_scores, judged.bad_scores)]
    said = f"Half of the good items score above about {middle[0]}, half of the bad ones above about {middle[1]}."
    return drawn("scores", "Scores of good and of bad items", said, draw)


def _middle(counts: Sequence[int]) -> str:
    if not sum(counts):
        return "nothing, as there are none"
    place = int(np.searchsorted(np.cumsum(counts), sum(counts) / 2))
    return f"{place / HISTOGRAM_BINS:.2f}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
