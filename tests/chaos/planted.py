"""Topics without fault, and the same with a mistake planted, for tests of the judge."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.chaos import judge
from tests.chaos.judge import Judgement
from tests.chaos.material import Mix
from tests.chaos.policies import versions
from tests.chaos.reading import Entry
from tests.chaos.rehearsal import OWN, Rehearsal
from tests.chaos.rulings import Record
from tests.chaos.views import Topics

IDLE, LATE = 600, 150
KNOWN = versions(IDLE, LATE)


def _mix() -> Mix:
    """Return few parents, of which many are late."""
    mix = Mix.of(120, 10, late_ms=LATE, idle_ms=IDLE)
    ordinary, *others = mix.groups
    late = dataclasses.replace(ordinary, shares=dataclasses.replace(ordinary.shares, late=0.6))
    return dataclasses.replace(mix, groups=(late, *others))


MIX = _mix()
SWITCHES = ((0.3, "chaos@2"), (0.6, OWN), (0.8, "chaos@2"))


def played(seed: int, crashes: float) -> Topics:
    return Rehearsal(KNOWN, seed, crashes).run(MIX, quiet_ms=2 * IDLE, switches=SWITCHES)


@functools.cache
def flawless() -> Topics:
    """Return topics as one undisturbed decider leaves them, in one partition."""
    return played(seed=22, crashes=0.0)


def judged(topics: Topics) -> Judgement:
    return judge.judge(topics, KNOWN, OWN)


def records_of(topics: Topics) -> list[Record]:
    return [json.loads(one.value) for one in topics.decisions]


def matches(one: Record, wanted: Mapping[str, Any]) -> bool:
    """Whether a decision has such fields; a field that ends in `_has` has to hold a text."""
    texts = {name.removesuffix("_has"): str(value) for name, value in wanted.items() if name.endswith("_has")}
    values = {name: value for name, value in wanted.items() if not name.endswith("_has")}
    return all(text in str(one[name]) for name, text in texts.items()) and values.items() <= _plain(one).items()


def _plain(one: Record) -> dict[str, Any]:
    return {name: value for name, value in one.items() if isinstance(value, str | int)}


def first(**wanted: Any) -> Record:
    """Return the first decision with such fields."""
    return next(one for one in records_of(flawless()) if matches(one, wanted))


def changed(old: Record, **fields: Any) -> Topics:
    """Return the topics with fields of one decision changed, on all of them alike."""
    return _mapped(lambda one: one | fields if _same(one, old) else one)


def without(old: Record) -> Topics:
    """Return the topics without one decision, and without its retraction."""
    return _mapped(lambda one: None if _same(one, old) or one.get("replaced_by") == old["id"] else one)


def _mapped(change: Callable[[Record], Record | None]) -> Topics:
    def new(entries: list[Entry]) -> list[Entry]:
        changed = [(one, json.loads(one.value)) for one in entries]
        results = [(one, record, change(record)) for one, record in changed]
        return [
            one if after == before else dataclasses.replace(one, value=json.dumps(after).encode())
            for one, before, after in results
            if after is not None
        ]

    topics = flawless()
    actions = {name: new(entries) for name, entries in topics.actions.items()}
    return Topics(topics.scores, new(topics.decisions), new(topics.latest), actions)


def _same(one: Record, other: Record) -> bool:
    return bool(one["type"] == "Decision" and one["id"] == other["id"])
