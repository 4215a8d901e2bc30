"""What lies on `scores`, as the judge needs it: each window's records, stream time, and the policy in force.

Written apart from the code under test. It knows how records fall into windows; nothing else of a policy.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from schemas.policy import Policy, Rule
from tests.chaos.reading import Entry


class Answer(msgspec.Struct, gc=False):
    """One record of `scores`, whatever its type."""

    type: str
    parent_id: str = ""
    kind: str = ""
    source: str = ""
    appended_at: int = 0
    item_id: str = ""
    index: int = -1
    count: int | None = None
    item_time: int | None = None
    score: float = 0.0
    reasons: tuple[str, ...] = ()
    scorer: str = ""
    calibrated: bool = False
    cause: str = ""
    name: str = ""
    version: int = 0


Placed = tuple[int, Answer]  # with its offset
_decode = msgspec.json.Decoder(Answer).decode
_ENDED = "ParentEnded"


@dataclass(slots=True)
class Partition:
    """One partition of `scores`."""

    offsets: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)  # stream time after each record, ms
    logged: list[int] = field(default_factory=list)  # when the broker appended it, ms
    markers: list[tuple[int, str]] = field(default_factory=list)
    windows: dict[tuple[str, str], list[Placed]] = field(default_factory=dict)  # by parent and window

    def time_at(self, offset: int) -> int:
        """Return stream time once everything up to an offset was read."""
        place = bisect_right(self.offsets, offset)
        return self.times[place - 1] if place else 0

    def reached(self, time: int, at_least: int) -> int | None:
        """Return the first offset, not below another, at which stream time is not before a time."""
        place = max(bisect_left(self.times, time), bisect_left(self.offsets, at_least))
        return self.offsets[place] if place < len(self.offsets) else None

    def logged_after(self, offset: int) -> int | None:
        """Return when the first record above an offset was appended."""
        place = bisect_right(self.offsets, offset)
        return self.logged[place] if place < len(self.logged) else None

    def policy_at(self, offset: int, own: str) -> str:
        """Return which policy is in force for a window that opens at an offset: that of the last marker before."""
        place = bisect_left(self.markers, (offset, ""))
        return self.markers[place - 1][1] if place else own


def read_scores(entries: Iterable[Entry], versions: Mapping[str, Policy]) -> dict[int, Partition]:
    """Sort what was read of `scores`.

    Args:
        entries: all partitions, each in its order.
        versions: the policies; of all of them the windows must be the same, so that any tells a record's windows.
    """
    any_version = next(iter(versions.values()))
    rules: dict[tuple[str, str], Rule] = {}
    spans: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    partitions: defaultdict[int, Partition] = defaultdict(Partition)
    for one in entries:
        partition, record = partitions[one.partition], _decode(one.value)
        time = max(record.appended_at, partition.times[-1] if partition.times else 0)
        partition.offsets.append(one.offset)
        partition.times.append(time)
        partition.logged.append(one.at)
        if record.type == "PolicyActivated":
            partition.markers.append((one.offset, f"{record.name}@{record.version}"))
            continue
        record.parent_id, record.kind = sys.intern(record.parent_id), sys.intern(record.kind)
        record.source, record.scorer = sys.intern(record.source), sys.intern(record.scorer)
        scope = (record.kind, record.source)
        rule = rules.get(scope) or rules.setdefault(scope, any_version.rule_for(*scope))
        open_spans = spans[one.partition, record.parent_id]
        names = windows_of(record, rule, open_spans)
        open_spans.update(names)
        for name in names:
            partition.windows.setdefault((record.parent_id, name), []).append((one.offset, record))
    return dict(partitions)


def windows_of(record: Answer, rule: Rule, known: Iterable[str] = ()) -> list[str]:
    """Return the windows that a record is in. The end of a parent is in all that are `known`."""
    window = rule.window
    if window.by == "whole":
        return ["whole"]
    if record.type == _ENDED:
        return list(known)
    if window.by == "index":
        number = record.index // window.size
        return [f"index/{number * window.size}-{(number + 1) * window.size - 1}"]
    time = record.appended_at if record.item_time is None else record.item_time
    step, length = window.hop_ms or window.length_ms, window.length_ms
    starts = range((time // step) * step, time - length, -step)
    return [f"time/{start}-{start + length}" for start in starts]
