"""What a worker gives back never lies before anything that was answered, and is read again as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from confluent_kafka import Consumer, Message
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import RawItem
from streams.itemoffsets import ItemOffsets
from streams.work import Answer, Ticket

PARTITIONS = 3


@dataclass
class _Message:
    at: int

    def offset(self) -> int:
        return self.at


@dataclass
class _Worker:
    """Has items waiting that it has not begun."""

    waiting: list[Ticket]

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        raise NotImplementedError

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        return []

    def withdraw(self, wanted: Callable[[Ticket], bool]) -> Sequence[Ticket]:
        given = [ticket for ticket in self.waiting if wanted(ticket)]
        self.waiting = [ticket for ticket in self.waiting if ticket not in given]
        return given


@given(
    arrivals=st.lists(st.tuples(st.integers(0, PARTITIONS - 1), st.booleans()), max_size=60),
    begun=st.integers(0, 60),
    gone=st.sets(st.integers(0, PARTITIONS - 1)),
)
def test_what_is_given_back_is_the_last_part_of_each_partition(
    arrivals: list[tuple[int, bool]], begun: int, gone: set[int]
) -> None:
    """Each arrival is a partition, and whether it is an item: what is none is answered at once."""
    offsets = ItemOffsets(cast("Consumer", None), "items")
    offsets.assign(range(PARTITIONS))
    ends = dict.fromkeys(range(PARTITIONS), 0)
    items: list[Ticket] = []
    for partition, is_item in arrivals:
        tracker, ticket = offsets.trackers[partition], Ticket(partition, 1, ends[partition], 0)
        tracker.begin(cast("Message", _Message(ticket.offset)), size=7)
        ends[partition] += 1
        if is_item:
            items.append(ticket)
        else:
            tracker.answered_at = ticket.offset
    worker = _Worker(items[begun:])

    sizes = offsets.withdraw(worker, gone)

    left = {number: list(tracker.pending) for number, tracker in offsets.trackers.items()}
    assert all(left[number] == list(range(len(left[number]))) for number in left)  # a first part, without gaps
    assert sum(map(len, left.values())) + len(sizes) == len(arrivals)
    given_back = [ticket for ticket in items[begun:] if ticket not in worker.waiting]
    assert len(given_back) == len(sizes)
    assert {ticket.partition for ticket in given_back} <= gone
    for number, tracker in offsets.trackers.items():
        for offset in left[number]:
            tracker.finish(offset)
        assert tracker.answered_to() == (len(left[number]) or (0 if ends[number] else -1))


def test_what_is_waiting_from_an_earlier_assignment_is_given_back_and_counts_for_nothing() -> None:
    offsets = ItemOffsets(cast("Consumer", None), "items")
    offsets.assign([0])
    offsets.trackers[0].begin(cast("Message", _Message(0)), size=7)
    assert offsets.forget([0]) == [7]
    offsets.assign([0])
    worker = _Worker([Ticket(0, 1, 0, 0)])
    assert offsets.withdraw(worker, [0]) == []
    assert worker.waiting == []
