"""Owners of a partition follow each other at any moment: what they decide together is what one would."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregation.known import DecidedWindows
from schemas.checkpoint import Checkpoint
from tests.unit.aggregation.owners import NEVER_OVER, Partition, Topics, facts, identity, some_partition
from tests.unit.aggregation.records import taken

seeds = st.integers(0, 2**32)


@pytest.fixture
def nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a decision is forgotten depends on when its owner committed; what is never forgotten can be compared."""
    monkeypatch.setattr(DecidedWindows, "forget", lambda *_: None)


@pytest.mark.usefixtures("nothing_is_forgotten")
@settings(max_examples=200)
@given(seed=seeds)
@example(seed=727)
def test_many_owners_decide_what_one_does(seed: int) -> None:
    """Every owner commits some of its decisions and loses the others; the next one begins at the checkpoint."""
    draw = Random(seed)
    partition = some_partition(draw, late_ms=[700, 2_500, NEVER_OVER])
    alone = partition.gate(Checkpoint(0, 0, 0), [])
    partition.read(alone, len(partition.log))
    wanted = [facts(verdict) for verdict in taken(alone)]
    found = [facts(verdict) for verdict in _through_many_owners(partition, draw).decisions]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


def _through_many_owners(partition: Partition, draw: Random) -> Topics:
    topics = Topics()
    for upto in sorted(draw.randint(0, len(partition.log)) for _ in range(draw.randint(1, 3))):
        gate = partition.gate(topics.checkpoint, topics.decisions)
        while gate.position < upto:
            partition.read(gate, draw.randint(gate.position + 1, upto))
            if draw.random() < 0.3:
                topics.commit(gate, draw.randint(0, gate.ready))
        topics.commit(gate, draw.randint(0, gate.ready))
    last = partition.gate(topics.checkpoint, topics.decisions)
    partition.read(last, len(partition.log))
    topics.commit(last, last.ready)
    return topics


@settings(max_examples=200)
@given(seed=seeds, most_bytes=st.sampled_from([None, None, 2_000, 8_000]))
def test_whatever_closes_and_is_forgotten_no_id_is_issued_twice_and_no_parent_is_lost(
    seed: int, most_bytes: int | None
) -> None:
    """Owners also close by the wall clock and for want of memory, and forget; they die with any of that uncommitted."""
    draw = Random(seed)
    partition = some_partition(draw, late_ms=[1, 700, 2_500, NEVER_OVER])
    topics = Topics()
    gate = partition.gate(topics.checkpoint, [], most_bytes=most_bytes)
    for _ in range(len(partition.log) * 2):
        step = draw.random()
        if step < 0.6 and gate.position < len(partition.log):
            partition.read(gate, gate.position + 1)
        elif step < 0.7 and (due := gate.next_deadline()) is not None:
            gate.close_due(due, 0)
        elif step < 0.9:
            topics.commit(gate, draw.randint(0, gate.ready))
        else:
            gate = partition.gate(topics.checkpoint, topics.decisions, most_bytes=most_bytes)
    partition.read(gate, len(partition.log))
    gate.close_due(2**62, 0)
    topics.commit(gate, gate.ready)
    ids = [identity(verdict) for verdict in topics.decisions]
    assert len(ids) == len(set(ids))
    assert gate.open_windows == 0
    alone = partition.gate(Checkpoint(0, 0, 0), [])
    partition.read(alone, len(partition.log))
    alone.close_due(2**62, 0)
    assert {parent for parent, _, _ in ids} == {identity(verdict)[0] for verdict in taken(alone)}
    for parent, window, revision in ids:
        assert revision == 0 or (parent, window, revision - 1) in ids
