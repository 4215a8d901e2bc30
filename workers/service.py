"""Runs a scorer on two threads of its own, so that the thread that polls Kafka never waits for a network.

One thread looks up, decodes and measures; the other runs encoder and head in micro-batches. Memory is bounded by
whoever submits: the loop has a limit on items and bytes in flight, and the inbox here has none. What is begun can not
be withdrawn, so the first thread is only a few batches ahead of the second.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from schemas.items import RawItem
from workers.batching import MicroBatcher, Pending
from workers.inbox import Inbox
from workers.intake import Outcome, Ready
from workers.results import Result, Skipped
from workers.scorer import Scorer

T = TypeVar("T")
_STEP_SECONDS = 0.05
_AHEAD = 3  # batches begun at a time: one that is prepared, one that is encoded, and one between
_END = None  # in a queue: nothing comes after it
DECIDED: Final = Skipped("decided_early")


class Decided(Protocol):
    """Ids of parents, which any thread may change."""

    def __contains__(self, parent_id: object, /) -> bool:
        """Whether a parent is decided."""

    def __len__(self) -> int:
        """How many there are."""


class ServiceError(Exception):
    """The service is closed, or one of its threads failed; the cause is then chained."""


@dataclass(frozen=True, slots=True, eq=False)
class _Submitted(Generic[T]):
    token: T
    item: RawItem
    probe: bool = False
    wanted: bool = False  # also of a parent that is decided


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[T]):
    token: T
    ready: Ready
    probe: bool
    wanted: bool


class ScoringService(Generic[T]):
    """Takes items with a token each and gives back (token, result), in no particular order."""

    def __init__(
        self, scorer: Scorer, *, batch_size: int = 16, linger_seconds: float = 0.02, decided: Decided = ()
    ) -> None:
        """Start the threads.

        Args:
            scorer: should be warm.
            batch_size: items in a micro-batch, at most.
            linger_seconds: how long an item waits for others, at most.
            decided: the parents whose items need no score any more. It is asked before an item is looked at, and once
                more before an encoder gets it. While it holds any, the parents that wait take turns: an encoder is
                faster than the word of a decision, which would come too late for items in a row.
        """
        self.results: queue.SimpleQueue[tuple[T, Result]] = queue.SimpleQueue()
        self._scorer = scorer
        self._decided = decided
        self._batcher: MicroBatcher[_Waiting[T]] = MicroBatcher(batch_size, linger_seconds)
        self._inbox: Inbox[_Submitted[T]] = Inbox()
        self._ahead = threading.Semaphore(_AHEAD)
        self._prepared: queue.SimpleQueue[list[_Waiting[T]] | None] = queue.SimpleQueue()
        self._closed = False
        self._dropping = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"sluice-{name}", daemon=True)
            for name, work in (("intake", self._take_in), ("encoder", self._encode))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, token: T, item: RawItem, *, wanted: bool = False) -> None:
        """Queue an item. One that is `wanted` is scored also where its parent is decided.

        Raises:
            ServiceError: the service is closed or has failed.
        """
        self._check_open()
        self._inbox.put(_Submitted(token, item, wanted=wanted), item.envelope.parent_id)

    def probe(self, token: T, item: RawItem) -> None:
        """Score a canary: on the same way, ahead of what waits and in one batch with it, but never from the cache.

        Its result comes as the others do. It cannot be withdrawn, and no rule or early decision applies to it.

        Raises:
            ServiceError: the service is closed or has failed.
        """
        self._check_open()
        self._inbox.put_ahead(_Submitted(token, item, probe=True))

    def _check_open(self) -> None:
        self.check()
        if self._closed:
            raise ServiceError("the scoring service is closed")

    def withdraw(self, wanted: Callable[[T], bool]) -> list[T]:
        """Return the tokens that are wanted of items that are not begun; these get no result.

        None is begun that was submitted after one of these, unless it is not wanted.
        """
        return [one.token for one in self._inbox.withdraw(lambda one: wanted(one.token))]

    def check(self) -> None:
        """Say whether the threads work; call it wherever results are awaited.

        Raises:
            ServiceError: one of them failed; items that were submitted may get no result.
        """
        if self._failure is not None:
            raise ServiceError(f"scoring stopped: {self._failure}") from self._failure

    def take(self, timeout_seconds: float = 0.0) -> list[tuple[T, Result]]:
        """Return the results that there are, waiting up to the timeout for the first.

        Raises:
            ServiceError: a thread failed and there are no results left.
        """
        taken: list[tuple[T, Result]] = []
        try:
            taken.append(self._first(timeout_seconds))
            while True:
                taken.append(self.results.get_nowait())
        except queue.Empty:
            if not taken:
                self.check()
            return taken

    def _first(self, timeout_seconds: float) -> tuple[T, Result]:
        """Wait for a result in short steps, so that a failure is noticed before the timeout."""
        deadline = time.monotonic() + timeout_seconds
        while (left := deadline - time.monotonic()) > 0 and self._failure is None:
            try:
                return self.results.get(timeout=min(left, _STEP_SECONDS))
            except queue.Empty:
                continue
        return self.results.get_nowait()

    def close(self, *, drain: bool = True, timeout_seconds: float = 60.0) -> None:
        """Stop. With `drain`, what was submitted is scored first; its results stay in `results`.

        Raises:
            ServiceError: a thread failed, or did not end in time.
        """
        self._closed = True
        if not drain:
            self._dropping.set()
        self._inbox.close()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.check()
        if any(thread.is_alive() for thread in self._threads):
            raise ServiceError(f"the scoring threads did not end in {timeout_seconds} s")

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (it is raised where results are awaited)
            self._failure = self._failure or error
            self._dropping.set()
            self._inbox.close()
            self._prepared.put(_END)
            self._ahead.release()

    def _take_in(self) -> None:
        while arrived := self._arrived():
            probes = [one for one in arrived if one.probe]
            items = [one for one in arrived if not one.probe and self._needed(one, one.item.envelope.parent_id)]
            waiting = self._readied(probes, self._scorer.ready_afresh) + self._readied(items, self._scorer.ready)
            self._prepared.put(waiting)
        self._prepared.put(_END)

    def _readied(
        self, taken: list[_Submitted[T]], ready: Callable[[Sequence[RawItem]], list[Outcome]]
    ) -> list[_Waiting[T]]:
        """Return what is ready for an encoder; what is answered without one goes to the results."""
        waiting = []
        for one, outcome in zip(taken, ready([one.item for one in taken]) if taken else (), strict=True):
            if isinstance(outcome, Ready):
                waiting.append(_Waiting(one.token, outcome, one.probe, one.wanted))
            else:
                self.results.put((one.token, outcome))
        return waiting

    def _arrived(self) -> list[_Submitted[T]]:
        """Return what has been submitted, at least one item and at most a batch, or nothing at the end."""
        self._ahead.acquire()
        arrived = self._inbox.take(self._batcher.size, in_turns=len(self._decided) > 0)
        return [] if self._dropping.is_set() else arrived

    def _encode(self) -> None:
        while True:
            deadline = self._batcher.deadline()
            try:
                wait = None if deadline is None else max(0.0, deadline - time.monotonic())
                waiting = self._prepared.get(timeout=wait)
            except queue.Empty:
                self._finish(self._batcher.due(time.monotonic()))
                continue
            if waiting is _END:
                break
            self._finish(self._batcher.add(map(_pending, waiting), time.monotonic()))
            self._finish(self._batcher.due(time.monotonic()))
            self._ahead.release()
        self._finish(self._batcher.flush())

    def _finish(self, batches: list[list[_Waiting[T]]]) -> None:
        for batch in batches:
            if self._dropping.is_set():
                return
            wanted = [one for one in batch if one.probe or self._needed(one, one.ready.parent_id)]
            if not wanted:
                continue
            for one, result in zip(wanted, self._scorer.finish([one.ready for one in wanted]), strict=True):
                self.results.put((one.token, result))

    def _needed(self, one: _Submitted[T] | _Waiting[T], parent_id: str) -> bool:
        """Return whether an item needs a score; answer it at once if its parent is decided."""
        if one.wanted or parent_id not in self._decided:
            return True
        self._scorer.counts.answered([DECIDED])
        self.results.put((one.token, DECIDED))
        return False


def _pending(waiting: _Waiting[T]) -> Pending[_Waiting[T]]:
    pending = waiting.ready.pending()
    return Pending(waiting, bucket=pending.bucket, parent=pending.parent)
