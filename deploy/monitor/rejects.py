"""What is shown of a reject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.decisions import Decision

_MOST: Final = 8  # reasons that are shown


@dataclass(frozen=True, slots=True, order=True)
class Reject:
    """A rejected parent, or window of one. In the order of time."""

    at: int
    id: str
    parent_id: str
    window: str
    source: str
    kind: str
    label: str | None
    score: float | None
    cause: str
    reasons: tuple[str, ...]


def reject_of(decision: Decision) -> Reject:
    """Return what is shown of a rejected decision: its own reasons, and those of its worst items."""
    reasons = dict.fromkeys((*decision.reasons, *(reason for item in decision.worst for reason in item.reasons)))
    return Reject(
        at=decision.timings.decided_at,
        id=decision.id,
        parent_id=decision.parent_id,
        window=decision.window,
        source=decision.source,
        kind=decision.kind,
        label=decision.label,
        score=decision.score,
        cause=decision.cause,
        reasons=tuple(reasons)[:_MOST],
    )
