"""What the model keeps of Kafka: transactions whose markers come late, committed offsets, one consumer group.

Left out on purpose: offsets of markers in `decisions` (only the order of ends matters), replication, and produce
requests that arrive after their transaction has ended (brokers verify them since 3.6).
Epochs are not counted: when a transactional id gets a new epoch, the old producer becomes `fenced` and the requests it
left on the wire are dropped, as the coordinator would. In the same way a generation is not a number but an answer to:
would the broker take it now?
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.unit.protocol.model_checkpoint import Offsets
from tests.unit.protocol.model_window import Decision, Id

NOBODY = -1


class Record(NamedTuple):
    """A record of `decisions`; status is COMMITTED, ABORTED, or the transactional id that it is still open in."""

    decision: Decision
    status: int


COMMITTED = 10
ABORTED = 11


class Txn(NamedTuple):
    """A transactional id. `commit` and `abort` mean: decided by the coordinator, markers still to be written."""

    status: str = "none"
    in_log: bool = False
    offsets: Offsets | None = None


class Broker(NamedTuple):
    log: tuple[Record, ...] = ()
    txns: tuple[Txn, ...] = (Txn(), Txn())
    stored: Offsets = Offsets()
    owner: int = 0
    wire: tuple[int, int] = (NOBODY, 0)  # (transactional id, how often a lost EndTxn may still arrive)
    scores_start: int = 0  # what lies below in `scores` was deleted by retention
    decisions_start: int = 0
    strays: tuple[Id, ...] = ()  # records of the views that no transaction holds
    compacted: tuple[int, ...] = ()  # records of `decisions` that compaction has deleted

    def with_txn(self, tid: int, txn: Txn) -> "Broker":
        return self._replace(txns=tuple(txn if each == tid else old for each, old in enumerate(self.txns)))

    def pending(self) -> bool:
        return any(txn.offsets is not None for txn in self.txns)

    def last_stable(self) -> int:
        return next((at for at, record in enumerate(self.log) if record.status < COMMITTED), len(self.log))

    def append(self, tid: int, decisions: tuple[Decision, ...]) -> "Broker":
        log = self.log + tuple(Record(decision, tid) for decision in decisions)
        return self.with_txn(tid, self.txns[tid]._replace(status="open", in_log=True))._replace(log=log)

    def end(self, tid: int, verdict: str) -> "Broker":
        txn = self.txns[tid]
        status = verdict if txn.in_log or txn.offsets is not None else "none"
        return self.with_txn(tid, txn._replace(status=status))

    def fence(self, tid: int) -> "Broker":
        """A new epoch: the open transaction is aborted, requests of the old epoch will be refused."""
        wire = (NOBODY, 0) if self.wire[0] == tid else self.wire
        broker = self._replace(wire=wire)
        return broker.end(tid, "abort") if broker.txns[tid].status == "open" else broker

    def mark_log(self, tid: int) -> "Broker":
        txn = self.txns[tid]
        status = COMMITTED if txn.status == "commit" else ABORTED
        log = tuple(record._replace(status=status) if record.status == tid else record for record in self.log)
        return self._replace(log=log).with_txn(tid, settled(txn._replace(in_log=False)))

    def mark_offsets(self, tid: int) -> "Broker":
        txn = self.txns[tid]
        stored = txn.offsets if txn.status == "commit" and txn.offsets is not None else self.stored
        return self._replace(stored=stored).with_txn(tid, settled(txn._replace(offsets=None)))

    def readable(self, begin: int, end: int, *, dirty: bool) -> list[tuple[int, Decision]]:
        """What a reader finds in `decisions`, each with its offset."""
        return [
            (at, self.log[at].decision)
            for at in range(max(begin, self.decisions_start), end)
            if at not in self.compacted and (dirty or self.log[at].status == COMMITTED)
        ]

    def compact(self) -> "Broker":
        """Keep the last record of each key alone."""
        last = {record.decision.parent: at for at, record in enumerate(self.log) if record.status == COMMITTED}
        gone = [at for at in range(self.last_stable()) if last.get(self.log[at].decision.parent, at) != at]
        return self._replace(compacted=tuple(gone))

    def expire(self, may_go: Callable[[Decision], bool]) -> "Broker":
        """Delete the first decisions, as far as they may go."""
        start = self.decisions_start
        while start < self.last_stable() and may_go(self.log[start].decision):
            start += 1
        return self._replace(decisions_start=start)

    def issued(self) -> list[Decision]:
        """What a read_committed reader sees, or will see whatever happens."""
        return [
            record.decision
            for record in self.log
            if record.status == COMMITTED or (record.status < COMMITTED and self.txns[record.status].status == "commit")
        ]


def settled(txn: Txn) -> Txn:
    return txn if txn.in_log or txn.offsets is not None else txn._replace(status="none")
