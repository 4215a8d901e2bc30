"""Two replicas of the decider on one partition: commits, recoveries, rebalances, crashes, lost answers.

A replica that is stopped (SIGSTOP) is one that takes no step: every interleaving is explored, so a step may come at any
later time, from whatever the replica believed before. Scores lie in the partition from the start: one that has not come
yet is one that has not been consumed yet.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.unit.protocol.model_kafka import NOBODY, Broker
from tests.unit.protocol.model_replica import Replica
from tests.unit.protocol.model_steps import ReplicaSteps
from tests.unit.protocol.model_truth import Truth
from tests.unit.protocol.model_window import Decision, Script
from tests.unit.protocol.rules import Rule


class Faults(NamedTuple):
    """How many faults may still happen, of each kind and in all."""

    total: int = 0
    rebalance: int = 0
    crash: int = 0
    lost_answer: int = 0
    timeout: int = 0
    retention: int = 0
    memory: int = 0

    def one(self, kind: str) -> "Faults | None":
        left = getattr(self, kind)
        return self._replace(**{kind: left - 1, "total": self.total - 1}) if left and self.total else None


class State(NamedTuple):
    broker: Broker
    replicas: tuple[Replica, ...]
    faults: Faults

    def put(self, number: int, replica: Replica, broker: Broker | None = None) -> "State":
        replicas = tuple(replica if each == number else old for each, old in enumerate(self.replicas))
        return self._replace(replicas=replicas, broker=broker or self.broker)


Step = tuple[str, State]


class Decider:
    def __init__(
        self, script: Script, faults: Faults, without: frozenset[Rule] = frozenset(), *, idle_commits: bool
    ) -> None:
        self.script = script
        self.faults = faults
        self.without = without
        self.truth = Truth(script)
        self.replica_steps = ReplicaSteps(script, without, idle_commits=idle_commits)

    def initial(self) -> State:
        started = Replica(producer="ok")
        return State(Broker(), (started, started), self.faults)

    def steps(self, state: State) -> Iterator[Step]:
        for number in range(2):
            yield from self.replica(state, number)
            yield from self.membership(state, number)
            yield from self.coordinator(state, number)
            yield from self.timeout(state, number)
            if state.faults.total:
                yield from self.trouble(state, number)
        yield from self.wire(state)
        yield from self.retention(state)

    def replica(self, state: State, number: int) -> Iterator[Step]:
        for label, replica, broker in self.replica_steps.of(state.broker, number, state.replicas[number]):
            yield f"R{number} {label}", state.put(number, replica, broker)
        if state.replicas[number].pc == "commit" and (faults := state.faults.one("lost_answer")):
            doubt = state.replicas[number]._replace(pc="doubt")
            if state.broker.txns[number].status == "open":
                done = state.broker.end(number, "commit")._replace(wire=(number, 1))
                yield f"R{number} commit done, answer lost", state.put(number, doubt, done)._replace(faults=faults)
                sent = state.broker._replace(wire=(number, 2))
                yield f"R{number} commit still on the wire", state.put(number, doubt, sent)._replace(faults=faults)

    def membership(self, state: State, number: int) -> Iterator[Step]:
        """The client of a replica in its group; callbacks run on its polling thread."""
        replica, broker = state.replicas[number], state.broker
        if replica.member == "evicted":
            yield f"R{number} client learns that it was evicted", state.put(number, replica._replace(member="bare"))
        elif replica.member == "bare" and self.may_call_back(replica):
            yield f"R{number} callback: lost", state.put(number, self.leave(replica)._replace(member="off"))
        elif replica.member == "off" and (replica.pc == "out" or replica.gone):
            owner = number if broker.owner == NOBODY else broker.owner
            joined = replica._replace(member="in")
            yield f"R{number} joins", state.put(number, joined, broker._replace(owner=owner))

    def may_call_back(self, replica: Replica) -> bool:
        in_flight = replica.in_flight()
        return not replica.gone and not (in_flight and Rule.REBALANCE_WAITS not in self.without)

    def leave(self, replica: Replica) -> Replica:
        if replica.in_flight():
            return replica._replace(gone=True)
        return self.replica_steps.reset(replica, "out")

    def coordinator(self, state: State, number: int) -> Iterator[Step]:
        txn = state.broker.txns[number]
        if txn.status not in {"commit", "abort"}:
            return
        if txn.in_log:
            yield (
                f"marker of T{number} ({txn.status}) in decisions",
                state._replace(broker=state.broker.mark_log(number)),
            )
        if txn.offsets is not None:
            marked = state.broker.mark_offsets(number)
            yield f"marker of T{number} ({txn.status}) in offsets", state._replace(broker=marked)

    def timeout(self, state: State, number: int) -> Iterator[Step]:
        """The coordinator aborts what stays open: a fault while a process works on it, a certainty once it has died."""
        replica = state.replicas[number]
        faults = state.faults.one("timeout") if replica.in_flight() else state.faults
        if state.broker.txns[number].status == "open" and faults:
            fenced = replica._replace(producer="none" if replica.producer == "none" else "fenced")
            yield f"T{number} times out", state.put(number, fenced, state.broker.fence(number))._replace(faults=faults)

    def wire(self, state: State) -> Iterator[Step]:
        tid, left = state.broker.wire
        if tid == NOBODY:
            return
        broker = state.broker.end(tid, "commit") if state.broker.txns[tid].status == "open" else state.broker
        broker = broker._replace(wire=(tid, left - 1) if left > 1 else (NOBODY, 0))
        yield f"the EndTxn(commit) of T{tid} on the wire arrives", state._replace(broker=broker)

    def trouble(self, state: State, number: int) -> Iterator[Step]:
        replica, broker, other = state.replicas[number], state.broker, state.replicas[1 - number]
        faults = state.faults.one("rebalance")
        if broker.owner == number and replica.member == "in" and faults:
            if replica.metadata == "fresh":
                yield f"R{number} epoch moves, owner stays", state.put(number, replica.stale())._replace(faults=faults)
            heir = 1 - number if other.member == "in" else NOBODY
            taken = state.put(number, replica.stale(), broker._replace(owner=heir))._replace(faults=faults)
            evicted = taken.replicas[number]._replace(member="evicted")
            yield f"R{number} session expires, owner is R{heir}", taken.put(number, evicted)
            if heir != NOBODY and self.may_call_back(replica):
                moved = self.leave(taken.replicas[number])
                yield f"R{number} callback: revoked, owner is R{heir}", taken.put(number, moved)
        if replica.pc != "out" and (faults := state.faults.one("crash")):
            yield f"R{number} crashes", self.crash(state, number)._replace(faults=faults)
        if replica.pc == "run" and replica.fold.windows and (faults := state.faults.one("memory")):
            fold, decisions = self.replica_steps.gate.shed(replica.fold, replica.position)
            shed = replica._replace(fold=fold, out=replica.out + decisions)
            yield f"R{number} has no memory left", state.put(number, shed)._replace(faults=faults)

    def crash(self, state: State, number: int) -> State:
        broker = state.broker
        if broker.owner == number:
            broker = broker._replace(owner=1 - number if state.replicas[1 - number].member == "in" else NOBODY)
        return state.put(number, Replica(member="off"), broker)

    def retention(self, state: State) -> Iterator[Step]:
        """Old segments are deleted, and compaction runs, at any time."""
        broker, faults = state.broker, state.faults.one("retention")
        if faults and broker.scores_start < self.script.retained:
            start = self.script.retained
            deleted = broker._replace(scores_start=start)
            yield f"retention deletes scores below {start}", state._replace(broker=deleted, faults=faults)
        expired = broker.expire(lambda decision: self.may_go(decision, broker.scores_start))
        if expired != broker:
            yield f"retention deletes decisions below {expired.decisions_start}", state._replace(broker=expired)
        if Rule.NOT_COMPACTED in self.without and (compact := broker.compact()) != broker:
            yield f"compaction deletes decisions {compact.compacted}", state._replace(broker=compact)

    def may_go(self, decision: Decision, scores_start: int) -> bool:
        """Whether retention may delete a decision; the oldest score that is left says what time it is."""
        if decision.through >= scores_start and Rule.DECISIONS_OUTLIVE not in self.without:
            return False
        until = max(decision.until, decision.closed_at + self.script.remember)
        return until <= self.truth.stream_before(scores_start) or Rule.DECISIONS_LAST in self.without

    def broken(self, state: State) -> str | None:
        return self.truth.broken(state.broker)

    def done(self, state: State) -> bool:
        settled = all(txn.status == "none" for txn in state.broker.txns)
        return settled and not self.truth.lacks(state.broker)
