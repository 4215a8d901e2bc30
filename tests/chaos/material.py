"""The scores that a run sends: a function of its seed alone, so that every run can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

OPEN_AT_ONCE = 200  # parents whose items are interleaved, at most
OPEN_SHARE = 1 / 40  # of all, at most
JITTER = 10  # places by which the items of a long parent are out of order
IN_TURN = 0.7  # of the items are answered in the order in which they were appended
OLDEST_MS = 300  # by which the others are behind
FRAME_MS = 1_000  # between two items of a parent that is cut by time
BEGAN = 1_600_000_000_000  # ms since 1970; the producers' clocks have nothing to do with ours

Answer = dict[str, Any]


class Sending(NamedTuple):
    """A record, and how it is sent."""

    record: Answer
    wait: int = 0  # ms that it is held back once its turn has come
    age: int = 0  # ms since its item was appended, when it is sent


@dataclass(frozen=True, slots=True)
class Shares:
    """Which share of the parents is odd, and how."""

    ended: float = 0.03  # no count; closed by ParentEnded
    abandoned: float = 0.002  # an item never comes; closed by idle time
    failed: float = 0.05
    skipped: float = 0.02
    redriven: float = 0.01  # failed at first, scored later
    duplicate: float = 0.05
    conflicting: float = 0.003  # two counts
    mixed: float = 0.01  # two scorers
    late: float = 0.03
    uncalibrated: float = 0.10


@dataclass(frozen=True, slots=True)
class Group:
    """Parents that one rule of the policy is for."""

    source: str
    parents: int
    items: tuple[int, int]  # least and most
    shares: Shares = Shares()
    in_order: bool = False  # nearly
    timed: bool = False


_LONG = Shares(ended=0.4, abandoned=0.0, failed=1.0, duplicate=1.0, late=1.0)
_REVISED = Shares(ended=0.5, abandoned=0.0, late=0.6)
_EARLY = Shares(ended=0.01, late=0.05)


@dataclass(frozen=True, slots=True)
class Mix:
    """How many parents of which sort, and how late their late items are."""

    groups: tuple[Group, ...]
    late_ms: int  # the late time of rules that revise
    forgotten_ms: int  # by then a decision has been forgotten, mostly

    @classmethod
    def of(cls, parents: int, items: int, *, late_ms: int, idle_ms: int) -> Mix:
        """Return so many ordinary parents of so many items, and others in proportion.

        Args:
            parents: how many ordinary ones.
            items: of each of those.
            late_ms: late time of the rules that revise.
            idle_ms: after which open windows are closed; as long as one of before is open, nothing is forgotten.
        """

        def some(share: float) -> int:
            return max(4, round(parents * share))

        return cls(
            (
                Group("chaos", parents, (items, items)),
                Group("early-min", some(0.04), (15, 25), _EARLY),
                Group("early-median", some(0.04), (15, 25), _EARLY),
                Group("ranges", some(0.0006), (200, 600), _LONG, in_order=True),
                Group("tumbling", some(0.0006), (150, 450), _LONG, in_order=True, timed=True),
                Group("sliding", some(0.0004), (100, 300), _LONG, in_order=True, timed=True),
                Group("revised", some(0.05), (6, 10), _REVISED),
            ),
            late_ms,
            2 * late_ms + idle_ms + idle_ms // 2,
        )


def answers(mix: Mix, seed: int) -> Iterator[Sending]:
    """Yield the records of all parents, interleaved, without their append time."""
    draw = random.Random(seed)
    waiting = [(group, number) for group in mix.groups for number in range(group.parents)]
    draw.shuffle(waiting)
    open_at_once = max(20, min(OPEN_AT_ONCE, round(len(waiting) * OPEN_SHARE)))
    pool: list[list[Sending]] = []
    while pool or waiting:
        while waiting and len(pool) < open_at_once:
            pool.append(_parent(*waiting.pop(), mix, draw))
        place = draw.randrange(len(pool))
        sending = pool[place].pop()
        yield sending if draw.random() < IN_TURN else sending._replace(age=draw.randrange(OLDEST_MS))
        if not pool[place]:
            pool[place] = pool[-1]
            pool.pop()


def last_record(parent: str, appended_at: int) -> Answer:
    """Return a parent of one item whose broker's time is so late that all windows are due by it."""
    return {
        "type": "ItemScored",
        "parent_id": parent,
        "kind": "video-frame",
        "source": "chaos",
        "item_id": f"{parent}/0",
        "index": 0,
        "count": 1,
        "item_partition": 0,
        "item_offset": 0,
        "score": 0.9,
        "scorer": "0123456789abcdef" * 4,
        "calibrated": True,
        "embedding": f"chaos:{parent}:0",
        "appended_at": appended_at,
    }


def _parent(group: Group, number: int, mix: Mix, draw: random.Random) -> list[Sending]:
    """Return the records of one parent, last one first."""
    shares, items = group.shares, draw.randint(*group.items)
    ended, quality = draw.random() < shares.ended, draw.random()
    name = f"{group.source}-{number:07d}"
    records = [
        _scored(name, group, index, None if ended else items, quality=quality, draw=draw) for index in range(items)
    ]
    _spoil(records, shares, draw)
    if draw.random() < shares.abandoned:
        records.pop(draw.randrange(len(records)))
    records.sort(key=lambda one: one["index"])
    late = _late(records, group, mix, draw)
    records.sort(key=lambda one: (one["index"] if group.in_order else 0) + draw.uniform(0, JITTER))
    if ended:
        origin = {name: records[0][name] for name in ("parent_id", "kind", "source")}
        records.append({**origin, "type": "ParentEnded", "count": items if draw.random() < 0.5 else None})
    return [*reversed(late), *(Sending(one) for one in reversed(records))]


def _spoil(records: list[Answer], shares: Shares, draw: random.Random) -> None:
    """Make of a sound parent what one gets."""
    calibrated, mixed = draw.random() >= shares.uncalibrated, draw.random() < shares.mixed
    for record in records:
        record["calibrated"] = calibrated or (mixed and draw.random() < 0.5)
    if mixed:
        draw.choice(records)["scorer"] = "fedcba9876543210" * 4
    if draw.random() < shares.failed:
        _replace(records, "ItemFailed", draw.choice(("truncated_image", "needs_ocr")), draw)
    if draw.random() < shares.skipped:
        _replace(records, "ItemSkipped", "empty", draw)
    if draw.random() < shares.redriven:
        records.append(_unscored(draw.choice(records), "ItemFailed", "too_large"))
    if draw.random() < shares.duplicate:
        records.append(_again(draw.choice(records), draw))
    if draw.random() < shares.conflicting:
        draw.choice(records)["count"] = len(records) + draw.randrange(-1, 3)


def _late(records: list[Answer], group: Group, mix: Mix, draw: random.Random) -> list[Sending]:
    """Return what comes when its window may have been decided: items held back, and further answers for an index.

    Of a long parent they are of its last items: those before may have been decided longer ago than is remembered.
    """
    found: list[Sending] = []
    while draw.random() < group.shares.late and len(found) < 5 and len(records) > 1:
        place = draw.randrange(max(0, len(records) - JITTER) if group.in_order else 0, len(records))
        held_back = draw.random() < 0.3
        record = records.pop(place) if held_back else _again(records[place], draw)
        within = draw.random() < 0.8
        found.append(Sending(record, draw.randrange(mix.late_ms) + (0 if within else mix.forgotten_ms)))
    return found


def _scored(name: str, group: Group, index: int, count: int | None, *, quality: float, draw: random.Random) -> Answer:
    score = min(1.0, max(0.0, draw.gauss(quality, 0.1)))
    return {
        "type": "ItemScored",
        "parent_id": name,
        "kind": "video-frame",
        "source": group.source,
        "item_id": f"{name}/{index}",
        "index": index,
        "count": count,
        "item_partition": 0,
        "item_offset": index,
        **({"item_time": BEGAN + index * FRAME_MS + draw.randrange(FRAME_MS)} if group.timed else {}),
        "score": score,
        "reasons": ["blurred"] if score < 0.3 else [],
        "metrics": {"sharpness": score, "luma": 0.5},
        "scorer": "0123456789abcdef" * 4,
        "embedding": f"chaos:{name}:{index}",
    }


def _replace(records: list[Answer], kind: str, cause: str, draw: random.Random) -> None:
    place = draw.randrange(len(records))
    records[place] = _unscored(records[place], kind, cause)


def _unscored(record: Answer, kind: str, cause: str) -> Answer:
    kept = ("parent_id", "kind", "source", "item_id", "index", "count", "item_partition", "item_offset", "item_time")
    return {**{name: record[name] for name in kept if name in record}, "type": kind, "cause": cause}


def _again(record: Answer, draw: random.Random) -> Answer:
    """Return a further answer for an index, mostly with another score: which of both counts must not depend on luck."""
    scored = record["type"] == "ItemScored" and draw.random() < 0.8
    return record | {"score": draw.random()} if scored else dict(record)
