"""A calibrator is used where it tells something of sources that it has not seen, and not otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from workers.training.calibrating import carries_over


def _drawn(shifts: list[float], slope: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return logits, truth and groups: the chance of a good item is sigmoid(slope * logit + the group's shift)."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0.0, 2.0, (len(shifts), 60))
    chances = 1.0 / (1.0 + np.exp(-(slope * logits + np.array(shifts)[:, None])))
    groups = [f"source-{place}" for place in range(len(shifts)) for _ in range(60)]
    return logits.ravel(), (rng.random(logits.shape) < chances).ravel(), groups


def test_a_head_that_is_too_sure_everywhere_is_calibrated() -> None:
    assert carries_over(*_drawn([0.0] * 6, 0.3))


@pytest.mark.parametrize("shifts", [[4.0, -4.0], [0.0]], ids=["two that differ", "one"])
def test_what_holds_for_one_group_alone_is_not_used(shifts: list[float]) -> None:
    assert not carries_over(*_drawn(shifts, 1.0))
