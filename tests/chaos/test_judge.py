"""The judge of a chaos run is of use only if it finds what is planted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from aggregation import PartitionGate
from deploy import policyfiles
from tests.chaos.evidence import transactions
from tests.chaos.judge import Topics, judge
from tests.chaos.material import answers
from tests.chaos.reading import ACTIONS, Entry

NOW = 1_700_000_000_000
IDLE = 60_000


def _flawless(parents: int = 60) -> Topics:
    """Return topics as one undisturbed decider leaves them, in one partition."""
    gate = PartitionGate(0, policyfiles.load())
    scores = []
    for offset, record in enumerate(answers(parents, items=10, seed=3)):
        value = json.dumps(record | {"appended_at": NOW + offset}).encode()
        scores.append(Entry(0, offset, NOW, record["parent_id"].encode(), value))
        gate.apply([(offset, value)], NOW + offset)
    gate.close_due(NOW + 10 * IDLE, NOW + 10 * IDLE)
    verdicts = gate.take(10_000)
    decisions = [Entry(0, offset, NOW, one.key, one.value) for offset, one in enumerate(verdicts)]
    actions = {a: [entry for entry, one in zip(decisions, verdicts, strict=True) if one.action == a] for a in ACTIONS}
    return Topics(scores, decisions, decisions, actions)


def _changed(topics: Topics, **fields: Any) -> Topics:
    """Return the topics with fields of one decision changed, on all of them alike."""
    first = topics.decisions[0]
    other = dataclasses.replace(first, value=json.dumps(json.loads(first.value) | fields).encode())

    def swap(entries: list[Entry]) -> list[Entry]:
        return [other if one == first else one for one in entries]

    actions = {name: swap(entries) for name, entries in topics.actions.items()}
    return Topics(topics.scores, swap(topics.decisions), swap(topics.latest), actions)


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    found = judge(_flawless(), IDLE)
    assert found.line() == "lost 0 duplicated 0 wrong 0"
    assert found.decisions == 60


def test_a_lost_decision_is_found() -> None:
    topics = _flawless()
    assert len(judge(dataclasses.replace(topics, decisions=topics.decisions[1:]), IDLE).lost) == 1


def test_a_second_decision_is_found() -> None:
    topics = _flawless()
    again = dataclasses.replace(topics.decisions[0], offset=1_000)
    assert len(judge(dataclasses.replace(topics, decisions=[*topics.decisions, again]), IDLE).duplicated) == 1


def test_a_second_record_on_an_actions_topic_is_found() -> None:
    topics = _flawless()
    actions = topics.actions | {"accept": topics.actions["accept"] + topics.actions["accept"][:1]}
    assert len(judge(dataclasses.replace(topics, actions=actions), IDLE).duplicated) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"score": 0.123456},
        {"label": "high", "action": "accept", "score": 0.99},
        {"cause": "max_age"},
        {"first_offset": 4},
        {"through_offset": 0},
        {"through_offset": 10**6},
        {"id": "0"},
        {"partition": 3},
        {"counts": {}},
    ],
)
def test_a_wrong_field_is_found(fields: dict[str, Any]) -> None:
    assert judge(_changed(_flawless(), **fields), IDLE).wrong


@pytest.mark.parametrize(
    "spoil",
    [
        lambda topics: dataclasses.replace(topics, latest=topics.latest[1:]),
        lambda topics: dataclasses.replace(topics, actions=topics.actions | {"accept": []}),
        lambda topics: dataclasses.replace(topics, actions=topics.actions | {"review": topics.actions["accept"]}),
    ],
)
def test_views_that_differ_from_the_log_are_found(spoil: Callable[[Topics], Topics]) -> None:
    assert not judge(spoil(_flawless()), IDLE).flawless


def test_the_material_is_a_function_of_its_seed() -> None:
    assert list(islice(answers(50, 10, 5), 400)) == list(islice(answers(50, 10, 5), 400))
    assert list(islice(answers(50, 10, 5), 400)) != list(islice(answers(50, 10, 6), 400))


@pytest.mark.parametrize(
    ("places", "least"),
    [
        ([], 0),
        ([(0, 5, 0), (0, 6, 0), (0, 7, 0)], 1),
        ([(0, 5, 0), (0, 7, 0)], 2),  # a marker between them
        ([(0, 5, 0), (1, 9, 10)], 1),  # two partitions at a time: it may be one transaction
        ([(0, 5, 0), (1, 9, 20_000)], 2),  # too far apart in time to be one
        ([(0, 5, 0), (1, 9, 10), (0, 8, 50_000), (0, 10, 50_000), (1, 12, 50_000)], 3),
    ],
)
def test_aborted_transactions_are_counted_from_below(places: list[tuple[int, int, int]], least: int) -> None:
    entries = [Entry(partition, offset, at, b"", b"") for partition, offset, at in places]
    assert transactions(entries) == least
