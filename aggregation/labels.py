"""From a score to its label: half-open bands without gap or overlap."""

from __future__ import annotations

from schemas.policy import Label, Thresholds


def label_of(score: float, thresholds: Thresholds) -> Label:
    """Return the label of a score that has not been rounded.

    Args:
        score: in [0,1].
        thresholds: the lower edge of each band; an edge belongs to the band above it.

    Raises:
        ValueError: the score is NaN or outside [0,1]; it must not be labelled at all.
    """
    return BANDS[band_of(score, thresholds.high, thresholds.medium, thresholds.low)]


BANDS = (Label.REJECTED, Label.LOW, Label.MEDIUM, Label.HIGH)
"""The labels, the lowest band first."""


def band_of(score: float, high: float, medium: float, low: float) -> int:
    """Return the number of a score's band in `BANDS`, from the lower edges of the upper three.

    Raises:
        ValueError: the score is NaN or outside [0,1].
    """
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"a score must be in [0,1], not {score}")
    if score >= high:
        return 3
    if score >= medium:
        return 2
    return 1 if score >= low else 0
