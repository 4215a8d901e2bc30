"""What the model keeps of Kafka: transactions whose markers come late, committed offsets, one consumer group.

Left out on purpose: offsets of markers in `decisions` (only the order of ends matters), replication, and produce
requests that arrive after their transaction has ended (brokers verify them since 3.6).
Epochs are not counted: when a transactional id gets a new epoch, the old producer becomes `fenced` and the requests it
left on the wire are dropped, as the coordinator would. In the same way a generation is not a number but an answer to:
would the broker take it now?
"""

from enum import StrEnum
from typing import NamedTuple

from tests.unit.protocol.model_window import Decision

NOBODY = -1


class Rule(StrEnum):
    """The rules of the protocol. A model is given the set of those that are broken."""

    LOW_WATERMARK = "commit the low watermark, not the position"
    WAITING_IS_OPEN = "a decision that waits for the next transaction counts as open"
    SNAPSHOT = "a transaction's offsets are those of its beginning: what was read since is not in it"
    STREAM_TIME_AT_LOW = "the stream time committed is the one at the low watermark"
    ONE_TRANSACTION = "decisions and offsets in one transaction"
    PENDING_WAIT = "committed offsets are fetched read_committed"
    TIMEOUT_RETRY = "a time-out of that fetch means again, not offset 0"
    END_AFTER_OFFSETS = "the end of decisions is taken after the committed offset"
    END_UNCOMMITTED = "that end is the high watermark, not the last stable offset"
    READ_TO_END = "decisions are read up to that end before scoring goes on"
    READ_COMMITTED = "decisions are read read_committed"
    METADATA_EARLY = "group metadata is taken with the assignment"
    METADATA_FOLLOWS = "group metadata is taken anew with each batch: an epoch may move without a callback"
    METADATA_BARE = "metadata without a member is never sent"
    FENCING = "the broker checks the generation"
    REBALANCE_WAITS = "a rebalance waits for the transaction in flight"
    STATE_DIES = "state does not outlive an ownership"
    BATCH_DIES = "a consumed batch does not outlive an ownership"
    NEW_PRODUCER = "after a commit in doubt: a new producer"
    RECOVER = "after a commit in doubt: recover"
    REMEMBER = "decided windows are remembered"


class Offsets(NamedTuple):
    """A committed offset with its metadata. `decisions_from` stays 0 while nothing is forgotten."""

    low: int = 0
    stream: int = 0
    decisions_from: int = 0


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

    def issued(self) -> list[Decision]:
        """What a read_committed reader sees, or will see whatever happens."""
        return [
            record.decision
            for record in self.log
            if record.status == COMMITTED or (record.status < COMMITTED and self.txns[record.status].status == "commit")
        ]


def settled(txn: Txn) -> Txn:
    return txn if txn.in_log or txn.offsets is not None else txn._replace(status="none")
