"""What was decided: the last decision of each window, from a replay's folder or from the topic `decisions`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from deploy.replay.folder import Run
from deploy.settings import Settings
from streams import clients, offsets
from streams.history import read_from
from streams.topics import TopicNames

Advance = Callable[[int], None]
_STEP: Final = 1_000  # records between two steps of the bar
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)


class _Rule(msgspec.Struct, gc=False):
    bad_below: float = 0.5


class _Policy(msgspec.Struct, gc=False):
    name: str
    version: int
    digest: str
    rule: _Rule

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


class _Counts(msgspec.Struct, gc=False):
    expected: int | None = None


class _Timings(msgspec.Struct, gc=False):
    closed_at: int = 0


class Outcome(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="Decision"):
    """What `schemas.decisions.Decision` says, as far as slices are made by it."""

    parent_id: str
    kind: str
    source: str
    window: str
    action: str
    policy: _Policy
    counts: _Counts
    timings: _Timings
    partition: int
    first_offset: int
    through_offset: int
    cause: str
    revision: int = 0
    label: str | None = None
    score: float | None = None
    uncalibrated: bool = False
    reasons: tuple[str, ...] = ()
    scorers: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Parent and window."""
        return self.parent_id, self.window


_decoder: Final = msgspec.json.Decoder(Outcome)


@dataclass(slots=True)
class Outcomes:
    """The last decision of each window; so many records were `unreadable`."""

    last: dict[tuple[str, str], Outcome]
    unreadable: int = 0

    def take(self, value: bytes | str | None) -> None:
        """Take a record; what is no decision is counted."""
        try:
            found = _decoder.decode(value or b"")
        except _UNREADABLE:
            self.unreadable += 1
            return
        before = self.last.get(found.key)
        if before is None or found.revision >= before.revision:
            self.last[found.key] = found


def of_replay(run: Run, advance: Advance) -> Outcomes:
    """Return what a replay decided.

    Raises:
        ReplayError: its folder cannot be read.
    """
    return _taken((row.decision for row in run.rows()), advance)


def live(
    properties: clients.Properties, settings: Settings, bar: Callable[[str, int], Advance], since: int | None = None
) -> Outcomes:
    """Return what was decided live, of windows that were closed at or after a time (ms since 1970).

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    topic, own = TopicNames(settings.topic_prefix).decisions, range(settings.partitions)
    admin = clients.admin(properties)
    starts, ends = offsets.starts(admin, topic, own), offsets.ends(admin, topic, own)
    if since is not None:
        # a decision is appended after its window was closed
        later = offsets.at_times(admin, topic, dict.fromkeys(own, max(0, since - 60_000)))
        starts = {number: later.get(number, ends[number]) for number in own}
    advance = bar("reading decisions", sum(max(0, ends[number] - start) for number, start in starts.items()))
    return _taken((message.value() for message in read_from(properties, topic, starts)), advance)


def within(outcomes: Iterable[Outcome], since: int | None, until: int | None) -> list[Outcome]:
    """Return the windows that were closed in [since, until), in ms since 1970 of stream time."""
    return [
        one
        for one in outcomes
        if (since is None or one.timings.closed_at >= since) and (until is None or one.timings.closed_at < until)
    ]


def _taken(values: Iterator[bytes | str | None], advance: Advance) -> Outcomes:
    found, waiting = Outcomes({}), 0
    for value in values:
        found.take(value)
        waiting += 1
        if waiting == _STEP:
            advance(waiting)
            waiting = 0
    advance(waiting)
    return found
