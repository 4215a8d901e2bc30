"""Answers at least once: one worker on one partition of `items`, which may die at any moment and begin again.

Each item gets an answer on `scores`; one that fails gets a dead letter too, one that an early decision made needless
an ItemSkipped. Which of several attempts fails is anybody's guess. What is on the wire may arrive or be lost when the
worker dies.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

SCORED, FAILED, SKIPPED, LETTER = "scored", "failed", "skipped", "dead letter"


class Answering(StrEnum):
    """The rules. A model is given the set of those that are broken."""

    LETTER_FIRST = "an ItemFailed is sent when the item's dead letter is acknowledged"
    COMMIT_AFTER_BOTH = "the offset of a failed item is committed when both are acknowledged"
    SKIPPED_ANSWERED = "an item that is skipped after an early decision is answered too"
    SCORED_BEATS_FAILED = "of several answers for an item the best counts, not the last"


Record = tuple[str, int]  # what, and the offset of its item


class State(NamedTuple):
    attempts: tuple[str, ...]  # what each item turned out to be in this life of the worker; empty: not yet
    wire: frozenset[Record] = frozenset()
    acknowledged: frozenset[Record] = frozenset()
    committed: int = 0
    scores: tuple[Record, ...] = ()
    letters: frozenset[int] = frozenset()
    deaths: int = 0

    def landed(self, record: Record) -> "State":
        if record[0] == LETTER:
            return self._replace(letters=self.letters | {record[1]})
        return self._replace(scores=(*self.scores, record))


Step = tuple[str, State]


class WorkerModel:
    def __init__(self, outcomes: tuple[frozenset[str], ...], deaths: int, without: frozenset[Answering]) -> None:
        self.outcomes = outcomes
        self.deaths = deaths
        self.without = without

    def initial(self) -> State:
        return State(("",) * len(self.outcomes), deaths=self.deaths)

    def steps(self, state: State) -> Iterator[Step]:
        for offset in range(state.committed, len(self.outcomes)):
            yield from self.work(state, offset)
        for record in sorted(state.wire):
            arrived = state.landed(record)._replace(wire=state.wire - {record})
            yield f"{record} is acknowledged", arrived._replace(acknowledged=state.acknowledged | {record})
        if state.committed < len(self.outcomes) and self.answered(state, state.committed):
            yield f"worker commits {state.committed + 1}", state._replace(committed=state.committed + 1)
        if state.deaths:
            yield from self.die(state)

    def work(self, state: State, offset: int) -> Iterator[Step]:
        if not state.attempts[offset]:
            for outcome in sorted(self.outcomes[offset]):
                attempts = (*state.attempts[:offset], outcome, *state.attempts[offset + 1 :])
                yield f"{offset} is {outcome}", state._replace(attempts=attempts)
            return
        for what in self.due(state, offset):
            if (record := (what, offset)) not in state.wire | state.acknowledged:
                yield f"worker sends {record}", state._replace(wire=state.wire | {record})

    def due(self, state: State, offset: int) -> list[str]:
        outcome = state.attempts[offset]
        if outcome == SKIPPED and Answering.SKIPPED_ANSWERED in self.without:
            return []
        if outcome != FAILED:
            return [outcome]
        kept = (LETTER, offset) in state.acknowledged or Answering.LETTER_FIRST in self.without
        return [LETTER, FAILED] if kept else [LETTER]

    def answered(self, state: State, offset: int) -> bool:
        outcome = state.attempts[offset]
        if outcome == FAILED and Answering.COMMIT_AFTER_BOTH in self.without:
            return (LETTER, offset) in state.acknowledged
        needed = {(LETTER, offset), (FAILED, offset)} if outcome == FAILED else {(outcome, offset)}
        return needed <= state.acknowledged

    def die(self, state: State) -> Iterator[Step]:
        blank = self.initial().attempts
        reborn = state._replace(attempts=blank, wire=frozenset(), acknowledged=frozenset(), deaths=state.deaths - 1)
        yield "worker dies", reborn
        for record in sorted(state.wire):
            yield f"worker dies, {record} arrives", reborn.landed(record)

    def counts_as(self, state: State, offset: int) -> str:
        """What the decider takes the item for that has read all of `scores`."""
        answers = [what for what, place in state.scores if place == offset]
        if Answering.SCORED_BEATS_FAILED in self.without:
            return answers[-1]
        return SCORED if SCORED in answers else answers[0]

    def broken(self, state: State) -> str | None:
        for what, offset in state.scores:
            if what == FAILED and offset not in state.letters:
                return f"item {offset} has failed and has no dead letter"
            if what == SCORED and self.counts_as(state, offset) != SCORED:
                return f"item {offset} has a score and counts as failed"
        return None

    def done(self, state: State) -> bool:
        return state.committed == len(self.outcomes) == len({offset for _, offset in state.scores})
