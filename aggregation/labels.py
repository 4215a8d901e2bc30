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
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"a score must be in [0,1], not {score}")
    if score >= thresholds.high:
        return Label.HIGH
    if score >= thresholds.medium:
        return Label.MEDIUM
    return Label.LOW if score >= thresholds.low else Label.REJECTED
