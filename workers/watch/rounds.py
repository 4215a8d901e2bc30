"""One round of canaries, and when it is time for one. Pure: time comes in as an argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from workers.results import Result
from workers.watch.judge import Finding, judge
from workers.watch.store import CanarySet

SHARE: Final = 0.2  # of an encoder's time, at most, unless nothing more may be in flight
IDLE_SHARE: Final = 0.5  # the same where nothing else is there to be scored
FIRST_AFTER: Final = 5.0  # s from the start to the first round of a kind that has had no items


@dataclass(frozen=True, slots=True)
class Plan:
    """When canaries are scored.

    Attributes:
        seconds: at least so often for each kind.
        hold: answers wait for the next passed round.
        revise: answers go out at once, and are taken back where canaries that are scored after them fail.
        hold_seconds: how long an answer waits before a round is begun for it.
        items: how many may be in flight; a round is begun when half of them wait.
    """

    seconds: float = 60.0
    hold: bool = True
    revise: bool = False
    hold_seconds: float = 2.0
    items: int = 256


@dataclass(frozen=True, slots=True)
class Probe:
    """The token of a canary on its way."""

    round: int
    kind: str
    name: str


@dataclass(slots=True)
class Round:
    """Canaries that are being scored.

    It vouches for what was answered before it began: all of a canary's way comes after that.
    """

    number: int
    sets: Mapping[str, CanarySet]
    upto: int  # the last answer that it vouches for
    mark: int  # the last cache entries that it vouches for
    spent: float  # seconds that canaries had taken when it began
    results: dict[str, dict[str, Result]] = field(default_factory=dict)

    def take(self, probe: Probe, result: Result) -> None:
        """Take the result of one of its canaries."""
        if probe.round == self.number:
            self.results.setdefault(probe.kind, {})[probe.name] = result

    @property
    def complete(self) -> bool:
        """Whether all of its canaries have a result."""
        return sum(map(len, self.results.values())) == sum(len(one.items) for one in self.sets.values())

    def findings(self) -> list[Finding]:
        """Return what it shows of each kind."""
        return [judge(own.record, self.results.get(kind, {})) for kind, own in self.sets.items()]


class Timetable:
    """Says which kinds are to be checked now."""

    def __init__(self, plan: Plan, kinds: Iterable[str], now: float) -> None:
        """Begin at `now`: kinds without items get their first round a few seconds later, one after the other."""
        self._plan = plan
        early = min(FIRST_AFTER, plan.seconds)
        self._checked = {kind: now - plan.seconds + early * place for place, kind in enumerate(sorted(kinds), 1)}
        self._ended, self._cost = now, 0.0
        self._asked: set[str] = set()

    def ask(self, kinds: Collection[str]) -> None:
        """Ask for a round of these kinds as soon as can be: something looks wrong."""
        self._asked |= set(kinds) & self._checked.keys()

    def ended(self, kinds: Collection[str], now: float, cost: float) -> None:
        """Note the end of a round that took an encoder `cost` seconds."""
        self._checked |= dict.fromkeys(kinds, now)
        self._asked -= set(kinds)
        self._ended, self._cost = now, cost

    def due(self, now: float, held: Held) -> list[str]:
        """Return the kinds of the round that is to begin now; none: not yet."""
        if held.kinds and self._holding_is_over(now, held):
            return sorted(held.kinds)
        if self._asked:
            return sorted(self._asked)
        late = [kind for kind, at in self._checked.items() if now - at >= self._plan.seconds]
        return sorted(late, key=self._checked.__getitem__)[:1]

    def _holding_is_over(self, now: float, held: Held) -> bool:
        if held.count * 2 >= self._plan.items or ((held.hurry or held.crowded) and held.idle):
            return True
        share = IDLE_SHARE if held.idle else SHARE
        rested = now - self._ended >= self._cost * (1.0 / share - 1.0)
        return rested and (held.idle or now - held.since >= self._plan.hold_seconds)


@dataclass(frozen=True, slots=True)
class Held:
    """What waits for canaries.

    Attributes:
        count: how many answers.
        kinds: of what kinds.
        since: when the first of them came, monotonic s.
        idle: nothing else is being scored.
        crowded: nothing more may be taken until some of them go.
        hurry: they are to go as soon as can be, since partitions or the process are about to.
    """

    count: int = 0
    kinds: frozenset[str] = frozenset()
    since: float = 0.0
    idle: bool = True
    crowded: bool = False
    hurry: bool = False
