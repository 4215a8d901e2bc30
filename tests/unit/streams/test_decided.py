from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from streams import clients, decided, offsets
from streams.decided import DecidedParents, EarlyDecisions
from tests.unit.aggregation.records import decisions, fed, policy, scored, taken

EARLY = policy(early=True, method={"name": "min"}, completeness={"max_missing": 1.0})


class _Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _early(parent: str) -> bytes:
    (verdict,) = taken(fed([scored(parent, 0, 0.1, count=5)], EARLY))
    return verdict.value


def test_a_parent_that_a_decider_decides_early_is_known() -> None:
    parents = DecidedParents()
    parents.learn([_early("bad"), _early("worse")])
    assert "bad" in parents
    assert "worse" in parents
    assert "other" not in parents
    assert len(parents) == 2


def test_other_decisions_and_records_that_are_none_say_nothing() -> None:
    complete = taken(fed([scored("whole", 0, 0.9, count=1)], EARLY))[0].value
    assert decisions(fed([scored("whole", 0, 0.9, count=1)], EARLY))[0].cause == "complete"
    parents = DecidedParents()
    parents.learn([complete, None, b"", b"\xff", b"[]", b'{"parent_id": 3, "cause": "early"}', b'{"cause": "early"}'])
    assert len(parents) == 0
    assert "whole" not in parents


def test_a_parent_is_forgotten_after_its_time() -> None:
    clock = _Clock()
    parents = DecidedParents(kept_seconds=60.0, clock=clock)
    parents.learn([_early("first")])
    clock.now += 59.0
    parents.learn([_early("second")])
    assert "first" in parents
    clock.now += 1.0
    assert "first" not in parents  # also where no further decision comes
    assert "second" in parents
    parents.learn([])
    assert len(parents) == 1


def test_of_too_many_the_oldest_are_forgotten() -> None:
    parents = DecidedParents(most=2)
    parents.learn([_early("a"), _early("b"), _early("a"), _early("c")])
    assert [name for name in "abc" if name in parents] == ["a", "c"]  # heard of again, "a" is newer than "b"
    assert len(parents) == 2


class _Message:
    def __init__(self, value: bytes) -> None:
        self._value = value

    def error(self) -> None:
        return None

    def value(self) -> bytes:
        return self._value


class _Broken:
    """A consumer that is told of a decision, and then fails."""

    def __init__(self, steps: Iterator[Any]) -> None:
        self._steps = steps
        self.closed = False

    def assign(self, _: object) -> None:
        pass

    def consume(self, count: int, timeout: float) -> list[_Message]:
        del timeout
        step: Any = next(self._steps, []) if count == 1 else []
        if isinstance(step, Exception):
            raise step
        return [_Message(value) for value in step]

    def close(self) -> None:
        self.closed = True


def test_a_follower_that_fails_says_so_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter([[_early("first")], OSError("gone"), [_early("second")]])
    consumers: list[_Broken] = []

    def reader(_: object) -> _Broken:
        consumers.append(_Broken(steps))
        return consumers[-1]

    monkeypatch.setattr(clients, "reader", reader)
    monkeypatch.setattr(clients, "admin", lambda _: None)
    monkeypatch.setattr(offsets, "ends", lambda *_: {0: 7})
    monkeypatch.setattr(decided, "_RETRY_SECONDS", 0.0)
    told: list[tuple[str, dict[str, Any]]] = []
    heard = threading.Event()

    class _Parents(DecidedParents):
        def learn(self, decisions: Any) -> None:
            super().learn(decisions)
            if "second" in self:
                heard.set()

    follower = EarlyDecisions({}, "decisions", 1, lambda event, **fields: told.append((event, fields)))
    follower.parents = _Parents()
    with follower:
        assert heard.wait(30)
    assert told == [("decisions_not_followed", {"error": "OSError: gone"})]
    assert "first" in follower.parents
    assert [consumer.closed for consumer in consumers] == [True, True]
