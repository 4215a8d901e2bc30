"""Decisions about labelled parents: of the live topics, or of a replay. Of the others it is counted what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from pydantic import ValidationError

from deploy.replay.folder import open_run
from deploy.settings import Settings
from schemas.decisions import Decision
from schemas.replays import ReplayRun
from streams import clients, offsets
from streams.history import read_from
from streams.topics import TopicNames

Windows = Mapping[str, Mapping[str, Decision]]
"""The last decision of each window, by parent and window."""

Advance = Callable[[int], None]
_STEP: Final = 1_000
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)


class _Draw(msgspec.Struct, frozen=True, gc=False):
    selected: bool = False


class _Light(msgspec.Struct, frozen=True, gc=False):
    """What is read of decisions about other parents."""

    parent_id: str
    kind: str
    source: str
    window: str
    action: str
    revision: int = 0
    audit: _Draw | None = None


_light = msgspec.json.Decoder(_Light)


@dataclass(slots=True)
class Decided:
    """What was decided.

    Attributes:
        windows: of the parents that are asked for.
        actions: decisions of all parents, by kind, source and action; of a window its last one.
        wall_clock: windows (parent and window) that the wall clock closed live, as far as that is known.
        replay: the replay that they come from; None: the live topics.
    """

    windows: dict[str, dict[str, Decision]] = field(default_factory=dict)
    actions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    wall_clock: set[tuple[str, str]] = field(default_factory=set)
    replay: ReplayRun | None = None

    def take(self, decision: Decision) -> None:
        """Take a decision about a parent that is asked for."""
        own = self.windows.setdefault(decision.parent_id, {})
        before = own.get(decision.window)
        if before is None or before.revision <= decision.revision:
            own[decision.window] = decision


def of_replay(path: Path, parents: Collection[str]) -> Decided:
    """Return what a replay decided.

    Raises:
        ReplayError: the folder is no finished replay.
    """
    run = open_run(path)
    found, last = Decided(replay=run.record), dict[tuple[str, str], tuple[str, str, str]]()
    for row in run.rows():
        last[row.parent_id, row.window] = (row.kind, row.source, row.action)
        if row.parent_id in parents:
            found.take(row.record())
            if row.wall_clock:
                found.wall_clock.add((row.parent_id, row.window))
    found.actions = Counter(last.values())
    return found


def live(
    properties: clients.Properties,
    settings: Settings,
    parents: Collection[str],
    advance: Advance,
    *,
    audited: bool = False,
) -> Decided:
    """Return what was decided live, as far as retention has left it.

    Args:
        properties: of the brokers.
        settings: name the topics.
        parents: whose decisions are asked for.
        advance: told how many further records were read.
        audited: also those that were drawn for an audit.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    topic = TopicNames(settings.topic_prefix).decisions
    found, last = Decided(), dict[tuple[str, str], tuple[str, str, str]]()
    waiting = 0
    for message in read_from(properties, topic, dict.fromkeys(range(settings.partitions), 0)):
        waiting += 1
        if waiting == _STEP:
            advance(waiting)
            waiting = 0
        try:
            light = _light.decode(message.value() or b"")
        except _UNREADABLE:
            continue  # somebody else's record, which the deciders pass over too
        last[light.parent_id, light.window] = (light.kind, light.source, light.action)
        drawn = audited and light.audit is not None and light.audit.selected
        if drawn or light.parent_id in parents or light.parent_id in found.windows:
            _take(found, message.value() or b"")
    advance(waiting)
    found.actions = Counter(last.values())
    return found


def _take(found: Decided, value: bytes) -> None:
    try:
        found.take(Decision.model_validate_json(value))
    except ValidationError:
        return


def total(properties: clients.Properties, settings: Settings) -> int:
    """Return how many records `decisions` holds, about.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    topic, admin = TopicNames(settings.topic_prefix).decisions, clients.admin(properties)
    own = range(settings.partitions)
    starts, ends = offsets.starts(admin, topic, own), offsets.ends(admin, topic, own)
    return sum(ends[number] - starts[number] for number in own)


def all_of(windows: Windows) -> Iterable[Decision]:
    """Yield the decisions of all windows."""
    return (decision for own in windows.values() for decision in own.values())
