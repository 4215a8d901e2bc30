"""The scores that a run sends: a function of its seed alone, so that every run can be had again."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

OPEN_AT_ONCE = 200  # parents whose items are interleaved
LATE_AFTER = 3_000  # records, on average, between the end of a parent and a late item of it

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shares:
    """Which share of the parents is odd, and how."""

    ended: float = 0.03  # no count; closed by ParentEnded
    abandoned: float = 0.002  # an item never comes; closed by idle time
    failed: float = 0.05
    duplicate: float = 0.05
    late: float = 0.03
    uncalibrated: float = 0.10


def parent_id(number: int) -> str:
    return f"parent-{number:07d}"


def answers(parents: int, items: int, seed: int, shares: Shares = Shares()) -> Iterator[Answer]:
    """Yield the records of all parents, interleaved, without their append time."""
    draw = random.Random(seed)
    late: list[tuple[int, int, Answer]] = []
    pool: list[list[Answer]] = []
    started = sent = 0
    while pool or started < parents:
        while started < parents and len(pool) < OPEN_AT_ONCE:
            pool.append(_parent(started, items, draw, shares))
            started += 1
        place = draw.randrange(len(pool))
        record = pool[place].pop()
        sent += 1
        yield record
        if not pool[place]:
            pool[place] = pool[-1]
            pool.pop()
            if draw.random() < shares.late and record["type"] != "ParentEnded":
                heapq.heappush(late, (sent + draw.randrange(2 * LATE_AFTER), sent, _again(record, draw)))
        while late and late[0][0] <= sent:
            yield heapq.heappop(late)[2]
    yield from (record for _, _, record in sorted(late, key=lambda one: one[:2]))


def _parent(number: int, items: int, draw: random.Random, shares: Shares) -> list[Answer]:
    """Return the records of one parent, last one first."""
    quality, ended = draw.random(), draw.random() < shares.ended
    origin = {"parent_id": parent_id(number), "kind": "video-frame", "source": "chaos"}
    calibrated = draw.random() >= shares.uncalibrated
    records = [_scored(origin, index, None if ended else items, quality, draw) for index in range(items)]
    for record in records:
        record["calibrated"] = calibrated
    if draw.random() < shares.failed:
        place = draw.randrange(items)
        records[place] = _failed(records[place])
    if draw.random() < shares.duplicate:
        records.append(_again(draw.choice(records), draw))
    if draw.random() < shares.abandoned:
        records.pop(draw.randrange(len(records)))
    draw.shuffle(records)
    if ended:
        records.insert(0, {**origin, "type": "ParentEnded", "count": items if draw.random() < 0.5 else None})
    return records


def _scored(origin: Answer, index: int, count: int | None, quality: float, draw: random.Random) -> Answer:
    score = min(1.0, max(0.0, draw.gauss(quality, 0.1)))
    return {
        **origin,
        "type": "ItemScored",
        "item_id": f"{origin['parent_id']}/{index}",
        "index": index,
        "count": count,
        "item_partition": 0,
        "item_offset": index,
        "score": score,
        "reasons": ["blurred"] if score < 0.3 else [],
        "metrics": {"sharpness": score, "luma": 0.5},
        "scorer": "0123456789abcdef" * 4,
        "embedding": f"chaos:{origin['parent_id']}:{index}",
    }


def _failed(record: Answer) -> Answer:
    kept = {name: record[name] for name in ("parent_id", "kind", "source", "item_id", "index", "count")}
    return {**kept, "type": "ItemFailed", "item_partition": 0, "item_offset": 0, "cause": "truncated_image"}


def _again(record: Answer, draw: random.Random) -> Answer:
    """Return a further answer for an index, with another score: which of both counts must not depend on luck."""
    return record | {"score": draw.random()} if record["type"] == "ItemScored" else dict(record)
