"""Evidence that a run was not void, from the topic: transactions that held decisions and were aborted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from tests.chaos.reading import Entry, read_whole

APART = 15_000  # ms; longer than a transaction can last: its time-out and the broker's look for timed-out ones


def aborted_decisions(properties: Mapping[str, Any], topic: str, partitions: int) -> list[Entry]:
    """Return the decisions that were aborted, of those that the topic still holds."""
    committed = {(one.partition, one.offset) for one in read_whole(properties, topic, partitions)}
    everything = read_whole(properties, topic, partitions, committed=False)
    # above the last committed decision of a partition a transaction may still be open: neither aborted nor committed
    top = dict(sorted(committed))
    return [
        one
        for one in everything
        if (one.partition, one.offset) not in committed and one.offset < top.get(one.partition, 0)
    ]


def transactions(aborted: Iterable[Entry]) -> int:
    """Return the least number of transactions that aborted records can come from.

    A transaction writes the records of a partition one after the other and ends them with a marker, which takes an
    offset. So a run of offsets without a gap, in one partition, is of one transaction at least. Runs in different
    partitions may be of one transaction, unless they lie further apart in time than a transaction can last. So runs
    are gathered into spells with such a silence between them, and of each spell the partition with most runs counts.
    """
    starts = _run_starts(sorted(aborted, key=lambda one: (one.partition, one.offset)))
    spell: Counter[int] = Counter()
    found, before = 0, None
    for one in sorted(starts, key=lambda one: one.at):
        if before is not None and one.at - before > APART:
            found += max(spell.values())
            spell.clear()
        spell[one.partition] += 1
        before = one.at
    return found + max(spell.values(), default=0)


def _run_starts(ordered: list[Entry]) -> list[Entry]:
    following = [
        after
        for before, after in pairwise(ordered)
        if after.partition != before.partition or after.offset != before.offset + 1
    ]
    return ordered[:1] + following
