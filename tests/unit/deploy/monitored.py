"""Decisions as a monitor reads them."""

from __future__ import annotations

from typing import Any

from aggregation.decision import decision_id
from schemas.decisions import Counts, Decision, PolicyRef, Retraction, Timings, WorstItem
from schemas.policy import Late, PassRate, Rule

NOON = 1_700_000_000_000 // 60_000 * 60_000  # ms; the start of a minute


def decision(
    parent: str,
    *,
    at: int = NOON,
    action: str = "accept",
    score: float | None = 0.9,
    source: str = "camera-1",
    kind: str = "video-frame",
    revision: int = 0,
    revisable: bool = False,
    band: tuple[float, float] | None = (0.8, 1.0),
    version: int = 1,
    cause: str = "complete",
    failed: int = 0,
    missing: int = 0,
    reasons: tuple[str, ...] = (),
) -> Decision:
    rule = Rule(
        late=Late(rule="revise" if revisable else "count"),
        expected_pass_rate=None if band is None else PassRate(low=band[0], high=band[1]),
    )
    fields: dict[str, Any] = {"action": action, "cause": cause}
    return Decision(
        id=decision_id(parent, "whole", revision),
        parent_id=parent,
        kind=kind,
        source=source,
        window="whole",
        revision=revision,
        review=action == "review",
        score=score,
        uncalibrated=False,
        counts=Counts(scored=4, failed=failed, skipped=0, missing=missing, duplicate=0),
        worst=(WorstItem(index=3, item_id=f"{parent}/3", score=score or 0.0, reasons=reasons),),
        policy=PolicyRef(name="night", version=version, digest="d" * 64, rule=rule),
        partition=0,
        first_offset=0,
        through_offset=1,
        timings=Timings(first_item_at=at - 3_000, last_item_at=at - 2_000, closed_at=at - 1_000, decided_at=at),
        **fields,
    )


def retraction(withdrawn: Decision, action: str) -> Retraction:
    return Retraction.model_validate(
        {
            "id": withdrawn.id,
            "parent_id": withdrawn.parent_id,
            "window": withdrawn.window,
            "revision": withdrawn.revision,
            "replaced_by": decision_id(withdrawn.parent_id, withdrawn.window, withdrawn.revision + 1),
            "action": action,
        }
    )
