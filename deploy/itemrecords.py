"""From a worker's result to its record on `scores`."""

from __future__ import annotations

from typing import Any

from schemas.items import ItemEnvelope
from schemas.scores import ItemFailed, ItemRuled, ItemScored, ItemSkipped
from streams.work import Answer, Shadowed, Ticket
from workers.results import Failed, Result, Ruled, Scored


def place_of(ticket: Ticket, envelope: ItemEnvelope) -> dict[str, Any]:
    """Return what every answer to an item says of it. Arguments: see `record_of`."""
    return {
        "parent_id": envelope.parent_id,
        "kind": envelope.kind,
        "source": envelope.source,
        "item_id": envelope.id,
        "index": envelope.index,
        "count": envelope.count,
        "content_hash": envelope.content_hash,
        "item_time": None if envelope.time is None else int(envelope.time.timestamp() * 1000),
        "appended_at": ticket.appended_at,
        "item_partition": ticket.partition,
        "item_offset": ticket.offset,
    }


def record_of(ticket: Ticket, envelope: ItemEnvelope, result: Result) -> Answer:
    """Return the record that answers an item, with those of candidates in shadow where there are any.

    Args:
        ticket: where the item is on `items`.
        envelope: what it says of itself.
        result: what the worker made of it.
    """
    place = place_of(ticket, envelope)
    match result:
        case Scored():
            live = _scored(place, result)
            others = {name: _in_shadow(place, other) for name, other in result.shadows}
            return Shadowed(live, others) if others else live
        case Ruled():
            return ItemRuled(
                **place,
                rule=result.rule,
                flags=result.flags,
                policy=result.policy,
                duplicate_of=result.duplicate_of,
            )
        case Failed():
            return ItemFailed(**place, cause=result.cause, detail=result.detail)
    return ItemSkipped(**place, cause=result.cause, policy=result.policy, duplicate_of=result.duplicate_of)


def _in_shadow(place: dict[str, Any], result: Scored | Failed) -> ItemScored | ItemFailed:
    if isinstance(result, Failed):
        return ItemFailed(**place, cause=result.cause, detail=result.detail)
    return _scored(place, result)


def _scored(place: dict[str, Any], result: Scored) -> ItemScored:
    return ItemScored(
        **place,
        score=result.score,
        reasons=result.reasons,
        flags=result.flags,
        metrics=result.metrics,
        scorer=result.scorer,
        calibrated=result.calibrated,
        embedding=result.embedding,
        cached=result.cached,
    )
