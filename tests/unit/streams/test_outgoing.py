from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from schemas.checkpoint import Checkpoint
from streams.gates import DecideSettings, Gate, Owned
from streams.outgoing import Gatherer
from streams.topics import TopicNames

LIMIT = 10
SETTINGS = DecideSettings(TopicNames(), 3, "decide", "score", "id")


@dataclass
class _Verdict:
    key: bytes
    action: str = "accept"
    cause: str = "complete"
    withdrawal: None = None
    value: bytes = b"{}"


@dataclass
class _Gate:
    """Has so many verdicts waiting, and has handed over others."""

    ready: int
    taken: int = 0
    mark: Checkpoint = field(default_factory=lambda: Checkpoint(0, 0, 0))

    def take(self, limit: int) -> Sequence[_Verdict]:
        count = min(limit, self.ready)
        self.ready -= count
        self.taken += count
        return [_Verdict(b"p")] * count

    def checkpoint(self) -> Checkpoint:
        return self.mark


def _owned(*waiting: int) -> tuple[list[Owned], list[_Gate]]:
    gates = [_Gate(count) for count in waiting]
    return [Owned(number, cast("Gate", gate), 0) for number, gate in enumerate(gates)], gates


def test_a_busy_partition_starves_no_other() -> None:
    owned, gates = _owned(1_000, 5, 5)
    gatherer = Gatherer(SETTINGS)
    for _ in owned:
        assert gatherer.gather(owned, LIMIT).decisions == LIMIT
    assert [gate.ready for gate in gates[1:]] == [0, 0]


def test_busy_partitions_get_equal_shares() -> None:
    owned, gates = _owned(1_000, 1_000, 1_000)
    gatherer = Gatherer(SETTINGS)
    for _ in range(6):
        gatherer.gather(owned, LIMIT)
    assert [gate.taken for gate in gates] == [2 * LIMIT] * 3


def test_partitions_that_come_and_go_are_served_all_the_same() -> None:
    gatherer = Gatherer(SETTINGS)
    assert gatherer.gather([], LIMIT).offsets == []
    owned, gates = _owned(100, 100)
    for count in (2, 1, 2, 2):
        gatherer.gather(owned[:count], LIMIT)
    assert sum(gate.taken for gate in gates) == 4 * LIMIT
    assert min(gate.taken for gate in gates) > 0


def test_offsets_of_all_partitions_go_with_any_record() -> None:
    owned, gates = _owned(1, 0, 0)
    for one, gate in zip(owned, gates, strict=True):
        one.committed = gate.mark
    gatherer = Gatherer(SETTINGS)
    assert sorted(place.partition for place in gatherer.gather(owned, LIMIT).offsets) == [0, 1, 2]
    assert gatherer.gather(owned, LIMIT).offsets == []
