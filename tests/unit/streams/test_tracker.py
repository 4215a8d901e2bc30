from __future__ import annotations

from typing import cast

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import ParentEndedEvent
from streams.tracker import OffsetTracker
from streams.work import Ticket

END = (Ticket(0, 1, 2, 0), ParentEndedEvent(id="end", parent_id="p", kind="test", source="test", count=2))


class _Message:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset


def _begin(tracker: OffsetTracker, offset: int) -> None:
    tracker.begin(cast("Message", _Message(offset)), size=1)


@given(st.sets(st.integers(0, 500), min_size=1, max_size=60), st.randoms())
def test_never_commits_past_an_unanswered_message(offsets: set[int], random: object) -> None:
    tracker = OffsetTracker(epoch=1)
    ordered = sorted(offsets)
    for offset in ordered:
        _begin(tracker, offset)
    remaining = set(ordered)
    answered = list(ordered)
    random.shuffle(answered)  # type: ignore[attr-defined]
    for offset in answered:
        tracker.finish(offset)
        remaining.discard(offset)
        upto = tracker.committable()
        assert upto is not None
        assert upto == (min(remaining) if remaining else ordered[-1] + 1)


def test_a_gap_in_the_log_is_no_unanswered_message() -> None:
    tracker = OffsetTracker(epoch=1)
    for offset in (3, 7, 20):
        _begin(tracker, offset)
    tracker.finish(3)
    assert tracker.committable() == 7
    assert tracker.first() == 7
    tracker.finish(20)
    assert tracker.first() == 7


def test_nothing_new_is_nothing_to_commit() -> None:
    tracker = OffsetTracker(epoch=1)
    assert tracker.committable() is None
    _begin(tracker, 5)
    tracker.finish(5)
    tracker.committed = 6
    assert tracker.committable() is None


def test_what_is_withdrawn_is_as_if_it_had_never_been_read() -> None:
    tracker = OffsetTracker(epoch=1)
    for offset in (3, 4, 7, 8):
        _begin(tracker, offset)
    tracker.finish(3)
    assert tracker.withdraw_from(7) == [1, 1]
    assert tracker.answered_to() == 4
    tracker.finish(4)
    tracker.skip_to(20)  # the end of the log, as the consumer saw it
    assert tracker.answered_to() == tracker.committable() == 7


def test_an_end_goes_with_the_item_before_it() -> None:
    tracker = OffsetTracker(epoch=1)
    for offset in (0, 1, 2):
        _begin(tracker, offset)
    tracker.await_end(*END)
    tracker.withdraw_from(1)
    tracker.finish(0)
    assert tracker.due_end() is None
    assert tracker.answered_to() == 1


def test_an_end_is_due_when_everything_before_it_is_answered() -> None:
    tracker = OffsetTracker(epoch=1)
    for offset in (0, 1, 2):
        _begin(tracker, offset)
    tracker.await_end(*END)
    tracker.finish(1)
    assert tracker.due_end() is None
    tracker.finish(0)
    assert tracker.due_end() == END
    assert tracker.due_end() is None
