from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from workers.inbox import REACH, Inbox


def test_what_was_put_first_is_taken_first() -> None:
    inbox: Inbox[int] = Inbox()
    for number in range(5):
        inbox.put(number)
    assert inbox.take(3) == [0, 1, 2]
    assert inbox.take(3) == [3, 4]


def test_what_is_withdrawn_is_never_taken() -> None:
    inbox: Inbox[int] = Inbox()
    for number in range(6):
        inbox.put(number)
    assert inbox.take(1) == [0]
    assert inbox.withdraw(lambda number: number % 2 == 0) == [2, 4]
    inbox.close()
    assert inbox.take(9) == [1, 3, 5]
    assert inbox.take(9) == []


def test_closing_wakes_whoever_waits() -> None:
    inbox: Inbox[int] = Inbox()
    taken: list[list[int]] = []
    waiting = threading.Thread(target=lambda: taken.append(inbox.take(1)))
    waiting.start()
    inbox.close()
    waiting.join(5.0)
    assert taken == [[]]


def _filled(parents: str) -> Inbox[int]:
    """Return an inbox with one item for each letter, in order; the letter is its parent."""
    inbox: Inbox[int] = Inbox()
    for number, parent in enumerate(parents):
        inbox.put(number, parent)
    return inbox


def test_parents_take_turns_across_batches_and_each_keeps_its_order() -> None:
    inbox = _filled("aaaaabbbc")
    assert inbox.take(4, in_turns=True) == [0, 5, 8, 1]  # a b c a
    inbox.put(9, "d")
    assert inbox.take(4, in_turns=True) == [9, 6, 2, 7]  # d, which had no turn yet, then b, a and b again
    assert inbox.take(4, in_turns=True) == [3, 4]


def test_only_what_waits_first_takes_turns() -> None:
    inbox = _filled("a" * REACH + "b")
    assert inbox.take(2, in_turns=True) == [0, 1]
    assert inbox.take(2, in_turns=True) == [REACH, 2]


def test_what_was_put_before_something_taken_is_not_withdrawn() -> None:
    inbox = _filled("aaabbb")
    assert inbox.take(2, in_turns=True) == [0, 3]
    assert inbox.withdraw(lambda _: True) == [4, 5]
    assert inbox.take(9) == [1, 2]


@given(
    parents=st.lists(st.sampled_from("abcdef"), max_size=60),
    takes=st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=20),
    asked=st.sets(st.integers(0, 59)),
)
def test_whatever_the_turns_each_item_is_taken_or_withdrawn_once(
    parents: list[str], takes: list[tuple[int, bool]], asked: set[int]
) -> None:
    inbox = _filled("".join(parents))
    inbox.close()
    taken = [number for most, in_turns in takes for number in inbox.take(most, in_turns=in_turns)]
    withdrawn = inbox.withdraw(asked.__contains__)
    assert asked >= set(withdrawn)
    assert all(number > max(taken, default=-1) for number in withdrawn)
    taken += inbox.take(len(parents))
    assert sorted(taken + withdrawn) == list(range(len(parents)))
    for parent in set(parents):
        own = [number for number in taken if parents[number] == parent]
        assert own == sorted(own)
