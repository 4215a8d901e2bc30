"""A scoring service whose answers wait until canaries, scored after them on the same way, have come out as recorded.

One thread may call it, that of the loop; the status may be read from any.

An answer that waits is released by a round of its kind that began after it and passed. When a round fails, all that
waits is dropped, nothing more is answered, and encoders and heads are loaded again, until their canaries pass. Whoever
reads the items must then give up what it has not answered: `halted` says so.

Under `revise` answers do not wait; those that no passed round vouches for are then to be taken back: `take_back`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from schemas.items import RawItem
from workers.results import Result, Ruled, Skipped
from workers.scorer import Scorer
from workers.service import ScoringService
from workers.watch.entries import HeldEntries
from workers.watch.judge import Finding
from workers.watch.ledger import MOST, Ledger
from workers.watch.repair import Mender, Tell
from workers.watch.rounds import Held, Plan, Probe, Round, Timetable
from workers.watch.status import Status
from workers.watch.store import CanarySet

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Live(Generic[T]):
    """The token of an item, with what its answer waits for."""

    token: T
    kind: str


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    number: int
    kind: str
    token: T
    result: Result
    at: float


class WatchedService(Generic[T]):
    """Takes items with a token each and gives back (token, result), those of watched kinds once canaries passed."""

    def __init__(
        self,
        service: ScoringService[Live[T] | Probe],
        scorer: Scorer,
        sets: Mapping[str, CanarySet],
        plan: Plan,
        *,
        repair: Callable[[], Mapping[str, CanarySet]],
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch a running service.

        Args:
            service: is closed with this object.
            scorer: that of the service.
            sets: canaries by the kind of their head. Kinds without any are answered as they come.
            plan: when canaries are scored, and whether answers wait for them.
            repair: loads encoders and heads again, lets the scorer use them, and returns their canaries. It runs on a
                thread of its own, while nothing is being scored.
            tell: told of rounds that fail, of repairs, and of the end of both.
            clock: monotonic s.
        """
        self.status = Status()
        self.crowded: Callable[[], bool] = lambda: False  # nothing more is submitted until something is released
        self._service, self._scorer, self._sets, self._plan = service, scorer, dict(sets), plan
        self._tell, self._clock = tell, clock
        self._mender = Mender(repair, tell, plan.seconds)
        self._times = Timetable(plan, self._sets, clock())
        self._entries = HeldEntries(scorer.cache, {scorer.domains[kind].encoder.digest for kind in sets})
        if plan.hold or plan.revise:
            scorer.keep = self._entries.keep
        self._waiting: deque[_Answer[T]] = deque()
        self._free: list[tuple[T, Result]] = []
        self._ledger: Ledger[T] = Ledger()
        self._inside = 0  # items submitted and not answered
        self._number = 0
        self._rounds = 0
        self._round: Round | None = None
        self._hurry = False
        self._asked = threading.Event()

    # ------------------------------------------------------------------------------------------------------ items

    def submit(self, token: T, item: RawItem, *, wanted: bool = False) -> None:
        """Queue an item; one that is `wanted` also where its parent is decided.

        While halted it is dropped: it would be answered by a model that is not trusted.

        Raises:
            ServiceError: the service is closed or has failed.
        """
        if self.status.halted:
            self.status.dropped += 1
            return
        self._inside += 1
        self._service.submit(Live(token, self._owner(item.envelope.kind)), item, wanted=wanted)

    def withdraw(self, wanted: Callable[[T], bool]) -> list[T]:
        """Return the tokens that are wanted of items not begun; what is begun is answered as soon as can be."""
        gone = self._service.withdraw(lambda one: isinstance(one, Live) and wanted(one.token))
        self._inside -= len(gone)
        self._hurry = True
        return [one.token for one in gone if isinstance(one, Live)]

    def take(self) -> list[tuple[T, Result]]:
        """Return the results that may go out by now.

        Raises:
            ServiceError: a thread failed and there are no results left.
        """
        for token, result in self._service.take():
            if isinstance(token, Live):
                self._take_live(token, result)
            elif self._round is not None:
                self._round.take(token, result)
        self._turn(self._clock())
        self.status.held = len(self._waiting)
        free, self._free = self._free, []
        return free

    def take_back(self) -> list[T]:
        """Return the tokens of results that went out, and that canaries have shown to be in doubt since, once."""
        return self._ledger.take_back()

    def check_soon(self) -> None:
        """Score canaries of all kinds as soon as can be; any thread may ask."""
        self._asked.set()

    def settle(self) -> bool:
        """Have what is begun answered soon; return whether nothing of it is left, so that heads may be replaced."""
        self._hurry = True
        if len(self._ledger) and not self._inside and self._round is None:
            self._asked.set()
        return not (self.status.halted or self._inside or self._waiting or self._round or len(self._ledger))

    def replace(self, sets: Mapping[str, CanarySet]) -> None:
        """Watch by these canaries from now on, those of the heads that the scorer has now; once it is settled."""
        self._sets, self._hurry = dict(sets), False
        self._times = Timetable(self._plan, self._sets, self._clock())
        self._entries.watch({self._scorer.domains[kind].encoder.digest for kind in sets})

    def close(self, *, drain: bool = True) -> None:
        """Stop; see ScoringService.close. What waits for canaries gets no answer.

        Raises:
            ServiceError: a thread failed, or did not end in time.
        """
        try:
            self._service.close(drain=drain)
        finally:
            self._entries.close()

    def _owner(self, kind: str) -> str:
        domain = self._scorer.domains.get(kind)
        return kind if domain is None else domain.head.manifest.kind

    def _take_live(self, live: Live[T], result: Result) -> None:
        self._inside -= 1
        if self.status.halted:
            self.status.dropped += 1
        elif live.kind not in self._sets or isinstance(result, Skipped | Ruled):
            self._free.append((live.token, result))  # no canary vouches for it, or no model has seen it
        else:
            self._number += 1
            self._watch_over(_Answer(self._number, live.kind, live.token, result, self._clock()))

    def _watch_over(self, answer: _Answer[T]) -> None:
        """Let an answer wait for canaries, or note that it went out before them."""
        if self._plan.hold:
            self._waiting.append(answer)
            return
        self._free.append((answer.token, answer.result))
        if self._plan.revise:
            self._ledger.sent(answer.number, answer.kind, answer.token)
            if len(self._ledger) > MOST:
                self._asked.set()

    # ----------------------------------------------------------------------------------------------------- rounds

    def _turn(self, now: float) -> None:
        if self._round is not None and self._round.complete:
            self._end(self._round, now)
        if self.status.halted:
            self._mend(now)
        elif self._round is None:
            if self._asked.is_set():
                self._asked.clear()
                self._times.ask(self._sets)
            self._begin(self._times.due(now, self._held()))

    def _held(self) -> Held:
        first = self._waiting[0].at if self._waiting else 0.0
        kinds = frozenset(one.kind for one in self._waiting)
        return Held(len(self._waiting), kinds, first, self._inside == 0, self.crowded(), self._hurry)

    def _begin(self, kinds: Sequence[str]) -> None:
        if not kinds:
            return
        self._rounds += 1
        sets = {kind: self._sets[kind] for kind in kinds}
        spent = self._scorer.effort.canary_seconds
        self._round = Round(self._rounds, sets, self._number, self._entries.mark(), spent)
        for kind, own in sets.items():
            for canary, item in zip(own.record.canaries, own.items, strict=True):
                self._service.probe(Probe(self._rounds, kind, canary.name), item)

    def _end(self, ended: Round, now: float) -> None:
        self._round = None
        findings = ended.findings()
        self._times.ended(list(ended.sets), now, self._scorer.effort.canary_seconds - ended.spent)
        self.status.findings |= {one.kind: one for one in findings}
        bad = [one for one in findings if not one.passed]
        if bad:
            self._failed(bad, now)
        else:
            self._passed(ended, now)

    def _passed(self, ended: Round, now: float) -> None:
        self.status.passed += 1
        self.status.passed_at |= dict.fromkeys(ended.sets, now)
        if self.status.halted:
            self._tell("scoring_resumed", repairs=self.status.repairs)
            self.status.halted = ""
            self._mender.helped()
        kept: deque[_Answer[T]] = deque()
        for one in self._waiting:
            if one.number <= ended.upto and one.kind in ended.sets:
                self._free.append((one.token, one.result))
                self.status.times.waited(now - one.at)
            else:
                kept.append(one)
        self._waiting = kept
        self._ledger.passed(ended.sets.keys(), ended.upto)
        self._hurry = self._hurry and bool(kept or self._inside)
        encoders = {self._scorer.domains[kind].encoder.digest for kind in ended.sets}
        self._entries.release(ended.mark, encoders)

    def _failed(self, bad: Sequence[Finding], now: float) -> None:
        self.status.failed += 1
        why = "; ".join(f"{one.kind}: {one.why}" for one in bad)
        withdrawn = self._ledger.failed()
        self.status.withdrawn += withdrawn
        dropped, stopping = len(self._waiting), self._plan.hold or self._plan.revise
        self._tell("canaries_failed", why=why, dropped=dropped, withdrawn=withdrawn, stopping=stopping)
        if not stopping:
            return
        if self.status.halted:
            self._mender.failed(now)
        self.status.halted = why
        self.status.dropped += len(self._waiting)
        self._waiting.clear()
        self._entries.drop()

    def _mend(self, now: float) -> None:
        """Load again what is on the disk, once nothing of the old is left, and try that with all canaries."""
        if self._round is not None or self._inside:
            return
        loaded = self._mender.step(now)
        if loaded is not None and self._sets.keys() <= loaded.keys():
            self.status.repairs += 1
            self._sets = dict(loaded)
            self._entries.watch({self._scorer.domains[kind].encoder.digest for kind in loaded})
            self._begin(sorted(self._sets))
        elif loaded is not None:
            self._tell("repair_failed", error=f"canaries of {sorted(self._sets.keys() - loaded.keys())} are gone")
            self._mender.failed(now)
