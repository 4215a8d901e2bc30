"""Both sides of a comparison, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from deploy.diff.said import Key, Said
from deploy.errors import ConfigurationError
from schemas.decisions import Decision

LIVE: Final = "live"
Spans = Mapping[int, tuple[int, int]]
"""For each partition of `scores` its first offset and its end."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a side comes from.

    Attributes:
        name: As it was given.
        prefix: Of the topics.
        spans: What was replayed; None: live.
        sources: The sources that were asked for; empty: all.
        heads: The head that scored each kind anew, by kind; empty: as scored live.
        policy: The policy that was pinned; None: those that were active.
        since: Where the span begins, ms since 1970.
        until: Where it ends.
        epsilon: How close to a threshold a score is called near.
        notices: What it had to say.
    """

    name: str
    prefix: str
    spans: Spans | None = None
    sources: frozenset[str] = frozenset()
    heads: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    since: int | None = None
    until: int | None = None
    epsilon: float = 0.0
    notices: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """Whether these are the decisions that were made live."""
        return self.spans is None

    @property
    def told(self) -> str:
        """What was replayed, and how, in one line."""
        if self.live:
            return f"the decisions that were made live, on {self.prefix}decisions"
        policy = f"policy {self.policy}" if self.policy else "the policies that were active"
        heads = ", ".join(f"{kind} {head[:12]}" for kind, head in sorted(self.heads.items()))
        return f"replay {self.name}: {policy}, {f'heads {heads}' if heads else 'scores as they were'}"


class Details(Protocol):
    """A side's decisions, whole, for the few windows that are shown."""

    def decisions(self, keys: Iterable[Key]) -> Mapping[Key, Decision]:
        """Return the decisions of windows, as far as they are to be had."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side says of each window, and where it comes from. `left_out` counts windows that were not read."""

    origin: Origin
    windows: Mapping[Key, Said]
    details: Details
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def policies(self) -> list[str]:
        """The policy versions that decided."""
        return sorted({said.terms.reference for said in self.windows.values()})


def check(before: Origin, after: Origin) -> list[str]:
    """Return what a reader should know before believing a comparison.

    Raises:
        ConfigurationError: both cannot be compared; the text says why.
    """
    if before.live and after.live:
        raise ConfigurationError("both sides are live: name the folder of a replay for at least one of them")
    if before.prefix != after.prefix:
        raise ConfigurationError(
            f"{before.name} comes from the topics {before.prefix}* and {after.name} from {after.prefix}*: replays of "
            "the same topics can be compared"
        )
    if before.spans is None or after.spans is None:
        return [_of_live(after if before.live else before)]
    return [*_of_spans(before, after, before.spans, after.spans), *_of_sources(before, after)]


def _of_live(replay: Origin) -> str:
    return (
        "live decisions may have been closed by the wall clock, which no replay has: such windows are counted apart, "
        f"as far as {replay.name} names them"
    )


def _of_spans(before: Origin, after: Origin, one: Spans, other: Spans) -> list[str]:
    if one.keys() != other.keys():
        raise ConfigurationError(
            f"{before.name} has {len(one)} partitions and {after.name} has {len(other)}: they are replays of different "
            "topics, and a parent's offsets in one say nothing about the other"
        )
    if one == other:
        return []
    if not any(_common(one[number], other[number]) for number in one):
        raise ConfigurationError(
            f"the spans do not overlap: {before.name} has {_span(before)}, {after.name} {_span(after)}. "
            "Replay both from and to the same times"
        )
    told = f"the spans differ ({_span(before)}, and {_span(after)})"
    return [f"{told}: what lies in one of them alone is listed as of one side, and its edge may cut a window"]


def _common(one: tuple[int, int], other: tuple[int, int]) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _of_sources(before: Origin, after: Origin) -> list[str]:
    if before.sources == after.sources:
        return []
    told = [", ".join(sorted(one.sources)) or "all" for one in (before, after)]
    return [f"the sources differ: {told[0]} in {before.name}, {told[1]} in {after.name}"]


def _span(origin: Origin) -> str:
    return f"{_clock(origin.since)} to {_clock(origin.until)}"


def _clock(at: int | None) -> str:
    return "?" if at is None else f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
