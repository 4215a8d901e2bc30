"""Closing by the wall clock, and by a parent's end: one worker between `items` and `scores`, one decider.

The producer publishes the records of one parent, in order, at any moment (its batches may come late, its broker be cut
off). The worker scores in any order, its scores are acknowledged in any order, it may die at any moment and redo what
it had not committed. The decider's deadline may strike at any moment, whatever is on its way: no assumption about time
is left in the model, so whatever holds in it holds by evidence alone.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

END = 0  # a ParentEnded; items are 1, 2, ...


class Evidence(StrEnum):
    """The rules. A model is given the set of those that are broken."""

    NOTED_AT_DEADLINE = "the end of items is noted at the deadline, not before"
    WORKERS_PAST = "the workers' committed offsets have passed the noted end"
    SCORES_END_AFTER = "the end of scores is taken after that"
    POSITION_PAST = "the decider's position has passed that end"
    END_LAST = "ParentEnded is forwarded after every earlier offset is acknowledged"
    COMMIT_ACKNOWLEDGED = "the worker commits an offset when everything below is acknowledged"


class State(NamedTuple):
    published: int = 0  # records of the script that lie in `items`
    taken: int = 0  # the worker's position
    produced: frozenset[int] = frozenset()  # offsets of items with a score on its way
    acknowledged: frozenset[int] = frozenset()  # offsets of items with a score in `scores`, as the worker knows
    committed: int = 0
    scores: tuple[int, ...] = ()  # what lies in `scores`
    position: int = 0  # the decider's
    noted: int = -1  # end of items the decider holds against the workers; -1: none
    deadline: int = -1  # end of items when the deadline struck (what the rule is judged by)
    scores_end: int = -1
    closed: str = ""
    missing: frozenset[int] = frozenset()  # items published before the deadline that the decision lacks
    deaths: int = 0


Step = tuple[str, State]


class Worker:
    """At least once: take, score, acknowledge in any order, commit what is complete."""

    def __init__(self, script: tuple[int, ...], without: frozenset[Evidence]) -> None:
        self.script = script
        self.without = without

    def steps(self, state: State) -> Iterator[Step]:
        if state.taken < state.published:
            yield f"worker takes {state.taken}", state._replace(taken=state.taken + 1)
        for offset in range(state.committed, state.taken):
            if offset not in state.produced | state.acknowledged and self.may_send(state, offset):
                yield f"worker sends the score of {offset}", state._replace(produced=state.produced | {offset})
        for offset in sorted(state.produced):
            arrived = state._replace(
                produced=state.produced - {offset},
                acknowledged=state.acknowledged | {offset},
                scores=(*state.scores, self.script[offset]),
            )
            yield f"the score of {offset} lies in scores", arrived
        if (complete := self.complete(state)) > state.committed:
            kept = frozenset(offset for offset in state.acknowledged if offset >= complete)
            yield f"worker commits {complete}", state._replace(committed=complete, acknowledged=kept)
        if state.deaths:
            yield from self.die(state)

    def may_send(self, state: State, offset: int) -> bool:
        if self.script[offset] != END or Evidence.END_LAST in self.without:
            return True
        return all(earlier in state.acknowledged for earlier in range(state.committed, offset))

    def complete(self, state: State) -> int:
        if Evidence.COMMIT_ACKNOWLEDGED in self.without:
            return state.taken
        complete = state.committed
        while complete in state.acknowledged:
            complete += 1
        return complete

    def die(self, state: State) -> Iterator[Step]:
        """What it had on the wire may still arrive (its broker had it, the answer was lost) or not."""
        reborn = state._replace(
            taken=state.committed, produced=frozenset(), acknowledged=frozenset(), deaths=state.deaths - 1
        )
        yield "worker dies", reborn
        for offset in sorted(state.produced):
            landed = reborn._replace(scores=(*state.scores, self.script[offset]))
            yield f"worker dies, its score of {offset} lies in scores", landed


class Decider:
    """Reads `scores` and closes the one window; nothing here depends on its transactions."""

    def __init__(self, script: tuple[int, ...], without: frozenset[Evidence]) -> None:
        self.script = script
        self.without = without

    def steps(self, state: State) -> Iterator[Step]:
        if state.position < len(state.scores):
            yield self.consume(state)
        if state.position and state.deadline < 0:
            noted = state.noted if Evidence.NOTED_AT_DEADLINE in self.without else state.published
            struck = state._replace(noted=noted, deadline=state.published)
            if Evidence.SCORES_END_AFTER in self.without:
                struck = struck._replace(scores_end=len(state.scores))
            yield f"deadline: items end at {noted}", struck
        if state.deadline >= 0:
            yield from self.evidence(state)

    def consume(self, state: State) -> Step:
        position = state.position + 1
        noted = state.published if Evidence.NOTED_AT_DEADLINE in self.without and state.noted < 0 else state.noted
        read = state._replace(position=position, noted=noted)
        if state.scores[state.position] == END:
            return "decider closes: the parent has ended", self.close(read, "ended", self.script.index(END))
        return f"decider consumes {state.position}", read

    def evidence(self, state: State) -> Iterator[Step]:
        past = state.committed >= state.noted or Evidence.WORKERS_PAST in self.without
        if past and state.scores_end < 0:
            yield f"workers are past: scores end at {len(state.scores)}", state._replace(scores_end=len(state.scores))
        read = state.position >= state.scores_end or Evidence.POSITION_PAST in self.without
        if past and state.scores_end >= 0 and read:
            yield "decider closes by the wall clock", self.close(state, "wall", state.deadline)

    def close(self, state: State, cause: str, end: int) -> State:
        has = set(state.scores[: state.position])
        missing = frozenset(item for item in self.script[:end] if item != END and item not in has)
        return state._replace(closed=cause, missing=missing)


class EvidenceModel:
    def __init__(self, script: tuple[int, ...], deaths: int, without: frozenset[Evidence] = frozenset()) -> None:
        self.script = script
        self.deaths = deaths
        self.worker = Worker(script, without)
        self.decider = Decider(script, without)

    def initial(self) -> State:
        return State(deaths=self.deaths)

    def steps(self, state: State) -> Iterator[Step]:
        if state.closed:
            return
        if state.published < len(self.script):
            yield f"producer publishes {state.published}", state._replace(published=state.published + 1)
        yield from self.worker.steps(state)
        yield from self.decider.steps(state)

    def broken(self, state: State) -> str | None:
        if state.missing:
            return f"closed ({state.closed}) without the items {sorted(state.missing)}"
        return None

    def done(self, state: State) -> bool:
        return bool(state.closed)
