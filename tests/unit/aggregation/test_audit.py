"""Decisions that are drawn for a person to check."""

from __future__ import annotations

import numpy as np
import pytest

from aggregation.decision import audit_draw
from schemas.decisions import AuditDraw
from tests.unit.aggregation.records import fed, only, policy, scored

DRAWS = 1_000_000


def test_the_rate_is_what_it_was_set_to() -> None:
    drawn = np.fromiter((audit_draw(f"video-{number}", "whole") for number in range(DRAWS)), dtype=np.float64)
    for rate in (0.001, 0.01, 0.05, 0.5):
        assert abs((drawn < rate).mean() - rate) < 0.001
    assert 0.0 <= drawn.min() < drawn.max() < 1.0


@pytest.mark.parametrize("score", [0.9, 0.1])
def test_accepts_and_rejects_are_drawn_alike_and_the_probability_is_in_the_record(score: float) -> None:
    used = policy(audit={"accept": 0.3, "reject": 0.3})
    for parent in ("a", "b", "c", "d", "e", "f", "g", "h"):
        decision = only(fed([scored(parent, 0, score, 1)], used))
        assert decision.audit == AuditDraw(probability=0.3, selected=audit_draw(parent, "whole") < 0.3)


def test_where_no_rate_is_set_nothing_is_drawn() -> None:
    assert only(fed([scored("p", 0, 0.9, 1)], policy(audit={"reject": 0.3}))).audit is None
    assert only(fed([scored("p", 0, 0.3, 1)], policy(audit={"accept": 1.0, "reject": 1.0}))).audit is None
