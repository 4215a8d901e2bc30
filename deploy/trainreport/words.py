"""What the figures mean, in plain words, and what a reader is to be warned of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from deploy.trainreport.summary import Judged, Summary

CANDIDATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "metrics": "cheap metrics alone, logistic",
        "embedding": "embedding alone, logistic",
        "blocks": "both as blocks, logistic",
        "late": "both, late fusion, logistic",
        "metrics-mlp": "cheap metrics alone, small network",
        "embedding-mlp": "embedding alone, small network",
        "guide": "the guide's recipe: network on the embedding alone",
        "blocks-mlp": "both as blocks, small network",
        "late-mlp": "both, late fusion, small networks",
    }
)
"""What training calls its candidates, in words."""

RIVALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "metrics": "the best on the cheap metrics alone",
        "embedding": "the best on the embedding alone",
        "composite": "the best on both together",
    }
)
"""What the head is compared with on the test groups, in words."""

_CAPTIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "curve": (
            "Learning curve",
            (
                "What more labels were worth: models fitted to ever more labels of whole training groups, judged on the"
                " same test groups. The interval holds both the luck of the draw and that of the test groups. A curve"
                " that still rises asks for more labels; it does not say what labels of other sources would do."
            ),
        ),
        "roc": (
            "ROC",
            (
                "How many bad items come in as more good ones are let in. Where the dashed line is as high, the encoder"
                " adds nothing to the cheap metrics."
            ),
        ),
        "scores": (
            "Scores by label",
            (
                "Good items above the line, bad ones below it, each as shares of their own class. Dotted lines are the"
                " thresholds of the table below."
            ),
        ),
        "losses": (
            "Loss per epoch",
            (
                "Held-out loss that rises while the other falls is overfitting. Its level also depends on how soft the"
                " labels are, so it cannot be compared across sets of labels."
            ),
        ),
    }
)
_CALIBRATED: Final = (
    "On the dotted line, a score of 0.8 means that 80% of such items are good, where {share} of all items are, as in"
    " this test part. At another share it no longer means that."
)
_UNCALIBRATED: Final = (
    "This head's score is a quality: it ranks, and is no probability. The diagram shows how far it is from one."
)
_FEW_ITEMS: Final = 100


def verdict(summary: Summary) -> str:
    """Return whether the head is worth its encoder, in one or two sentences."""
    judged = summary.judged
    if judged is None:
        return "No group was kept for the test: nothing is known about how well this head does on what it has not seen."
    if judged.head.value is None or judged.gain.value is None:
        return f"The test part cannot tell how well this head ranks: {judged.head.note}."
    found = f"Of a good and a bad item, the head scores the good one higher in {judged.head.value:.1%} of cases."
    if judged.gain.value == judged.gain.low == judged.gain.high == 0.0:
        return f"{found} The cheap metrics alone rank just as well: the encoder earns nothing here."
    return f"{found} {_against_metrics(judged)}"


def _against_metrics(judged: Judged) -> str:
    gain = judged.gain
    value, low, high = gain.value or 0.0, gain.low, gain.high
    if low is None or high is None:
        return f"That is {value:+.3f} beside the cheap metrics alone; how sure that is cannot be said."
    span = f"{value:+.3f}, between {low:+.3f} and {high:+.3f}"
    if low > 0:
        return f"It does better than the cheap metrics alone: AUC {span}."
    if high < 0:
        return f"It does WORSE than the cheap metrics alone: AUC {span}. The encoder earns nothing here."
    return f"It is not measurably better than the cheap metrics alone: AUC {span}."


def captions(summary: Summary) -> dict[str, tuple[str, str]]:
    """Return each figure's heading and what it means and does not mean, by the figure's name."""
    found = dict(_CAPTIONS)
    judged = summary.judged
    if judged is not None:
        share = f"{judged.good / judged.items:.0%}"
        meaning = _CALIBRATED.format(share=share) if summary.calibrated else _UNCALIBRATED
        chance = f"The ECE is not debiased; by chance alone it would be {judged.after.by_chance:.3f}."
        found["reliability"] = ("Reliability", f"{meaning} Bins hold equally many items. {chance}")
    return found


def warnings(summary: Summary) -> list[str]:
    """Return what training warned of, and what the figures themselves call for."""
    found = list(summary.notes)
    if not summary.calibrated:
        found.append("The score is uncalibrated: it is a quality that ranks items, and not a probability.")
    judged = summary.judged
    if judged is None:
        return found
    if judged.head.few_groups:
        found.append(
            f"The test part has {_groups(judged.groups)}: with fewer than ten, an interval is too narrow or missing."
        )
    if min(judged.good, judged.items - judged.good) * 2 < _FEW_ITEMS:
        found.append(
            f"The test part has {judged.good} good and {judged.items - judged.good} bad items: figures by threshold"
            " and by defect rest on a handful."
        )
    if judged.head.undefined:
        found.append(f"{judged.head.undefined} resamples held one class alone and were left out of the intervals.")
    return found


def _groups(count: int) -> str:
    return "1 group" if count == 1 else f"{count} groups"
