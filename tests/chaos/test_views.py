"""What is planted on the views of the log is found as well."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.judge import Judgement
from tests.chaos.planted import first, flawless, judged
from tests.chaos.reading import ACTIONS, Entry
from tests.chaos.views import Topics


def _retracted(change: Callable[[list[Entry]], list[Entry]]) -> Judgement:
    """Judge the topics with the retractions of one action changed."""
    topics = flawless()
    action = next(a for a in ACTIONS if any(b'"Retraction"' in one.value for one in topics.actions[a]))
    entries = topics.actions[action]
    kept = [one for one in entries if b'"Retraction"' not in one.value]
    taken = change([one for one in entries if b'"Retraction"' in one.value])
    return judged(dataclasses.replace(topics, actions=topics.actions | {action: kept + taken}))


def test_a_lost_retraction_is_found() -> None:
    assert len(_retracted(lambda found: found[1:]).lost) == 1


def test_a_second_retraction_is_found() -> None:
    assert len(_retracted(lambda found: found + found[:1]).duplicated) == 1


@pytest.mark.parametrize("fields", [{"replaced_by": "0"}, {"revision": 7}, {"id": "0"}, {"action": "elsewhere"}])
def test_a_wrong_retraction_is_found(fields: dict[str, Any]) -> None:
    def change(found: list[Entry]) -> list[Entry]:
        value = json.dumps(json.loads(found[0].value) | fields).encode()
        return [dataclasses.replace(found[0], value=value), *found[1:]]

    assert _retracted(change).wrong


def test_a_retraction_that_nothing_called_for_is_found() -> None:
    old = first(cause="complete", action="accept", revision=0)
    topics = flawless()
    said = {name: old[name] for name in ("id", "parent_id", "window", "revision")}
    value = json.dumps({"type": "Retraction", **said, "replaced_by": "0", "action": "review"}).encode()
    entry = Entry(0, 100_000, 0, old["parent_id"].encode(), value)
    actions = topics.actions | {"accept": [*topics.actions["accept"], entry]}
    assert "not called for" in str(judged(dataclasses.replace(topics, actions=actions)).wrong)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda topics: dataclasses.replace(topics, latest=topics.latest[:-1]),
        lambda topics: dataclasses.replace(topics, latest=[*topics.latest, topics.latest[0]]),
        lambda topics: dataclasses.replace(topics, actions=topics.actions | {"accept": []}),
        lambda topics: dataclasses.replace(topics, actions=topics.actions | {"review": topics.actions["accept"]}),
    ],
)
def test_views_that_differ_from_the_log_are_found(spoil: Callable[[Topics], Topics]) -> None:
    assert not judged(spoil(flawless())).flawless
