from __future__ import annotations

import threading

from workers.inbox import Inbox


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
