"""What the topics of a decider hold where a parent has several windows, and a window several revisions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from schemas.checkpoint import Metadata, decode
from schemas.decisions import Decision, Retraction
from schemas.policy import Action, Policy, Rule
from tests.integration.streams.deciders import Bench

Key = tuple[str, str, int]
"""Parent, window and revision."""

DAY = 86_400_000


def rules(**by_kind: Mapping[str, Any]) -> Policy:
    """Return a policy with a rule for each of some kinds; `_` in a name stands for `-`."""
    named = [Rule.model_validate({"kind": kind.replace("_", "-"), **rule}) for kind, rule in by_kind.items()]
    return Policy(name="test", rules=[Rule(), *named])


def logged(bench: Bench) -> dict[Key, Decision]:
    """Return the log of decisions; each is there once."""
    found = [Decision.model_validate_json(one.value) for one in bench.whole(bench.names.decisions)]
    by_key = {(one.parent_id, one.window, one.revision): one for one in found}
    assert len(by_key) == len(found)
    assert len({one.id for one in found}) == len(found)
    return by_key


def retracted(bench: Bench) -> dict[Action, list[Retraction]]:
    """Return the retractions by the topic that they are on."""
    return {
        action: [Retraction.model_validate_json(value) for value in _on(bench, action, "Retraction")]
        for action in Action
    }


def assert_views_agree(bench: Bench) -> None:
    """Hold the actions' topics and `latest` against the log: each decision once, where it belongs."""
    log = [one.value for one in bench.whole(bench.names.decisions)]
    by_action = {action: _on(bench, action, "Decision") for action in Action}
    for action, values in by_action.items():
        assert sorted(values) == sorted(one for one in log if json.loads(one)["action"] == action)
    last = {json.loads(value)["parent_id"]: value for value in log}  # of each parent, which lies in one partition
    assert {one.key.decode(): one.value for one in bench.whole(bench.names.latest)} == last
    decisions = [Decision.model_validate_json(value) for value in log]
    by_key = {(one.parent_id, one.window, one.revision): one for one in decisions}
    changed = []
    for one in decisions:
        before = by_key.get((one.parent_id, one.window, one.revision - 1))
        if before is not None and before.action is not one.action:
            changed.append((before.action, before.id, one.id, one.action))
    told = [(on, one.id, one.replaced_by, one.action) for on, found in retracted(bench).items() for one in found]
    assert sorted(told) == sorted(changed)


def _on(bench: Bench, action: Action, kind: str) -> list[bytes]:
    found = [one.value for one in bench.whole(bench.names.action(action))]
    return [value for value in found if json.loads(value)["type"] == kind]


def committed(bench: Bench, partition: int = 0) -> tuple[int, Metadata] | None:
    """Return the offset that the deciders committed, and what they left with it."""
    with Consumer({**bench.properties, "group.id": bench.group, "log_level": 3}) as member:
        (place,) = member.committed([TopicPartition(bench.names.scores, partition)], timeout=10)
        return None if place.offset < 0 else (place.offset, decode(place.metadata or ""))
