"""One replica of the decider, at the granularity of the numbered steps of the protocol."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.unit.protocol.model_kafka import COMMITTED, Broker, Offsets, Rule
from tests.unit.protocol.model_window import Decision, Fold, Script, apply, close


class Replica(NamedTuple):
    """`pc` is the next thing to do, `member` what the client is in its group, `metadata` what a commit would send.

    metadata: `fresh` the broker would take it, `stale` it would not, `bare` (no member id, generation -1) it takes it
    unchecked, as from a client older than KIP-447.
    """

    pc: str = "out"
    producer: str = "none"
    member: str = "in"
    metadata: str = ""
    start: Offsets = Offsets()
    end: int = 0
    fold: Fold = Fold()
    position: int = 0
    batch: int = -1  # offset of a record consumed, not yet applied
    out: tuple[Decision, ...] = ()
    sending: int = 0  # how many of those the transaction holds
    carried: str = ""  # the metadata that it carries
    snapshot: Offsets = Offsets()  # the offsets that it carries
    committed: Offsets = Offsets()
    produced: bool = False
    sent: bool = False
    gone: bool = False  # revoked while a transaction was in flight
    kept: int = 0

    def in_flight(self) -> bool:
        return self.pc in {"txn", "commit", "doubt"}

    def stale(self) -> "Replica":
        carried = "stale" if self.carried == "fresh" else self.carried
        return self._replace(metadata="stale" if self.metadata == "fresh" else self.metadata, carried=carried)


Move = tuple[str, Replica, Broker]
METADATA = {"in": "fresh", "evicted": "stale", "bare": "bare", "off": "bare"}


class ReplicaSteps:
    def __init__(self, script: Script, without: frozenset[Rule], *, idle_commits: bool) -> None:
        self.script = script
        self.without = without
        self.idle_commits = idle_commits
        self.first_step = "end" if Rule.END_AFTER_OFFSETS in without else "offsets"
        self.table: dict[str, Callable[[Broker, int, Replica], Iterator[Move]]] = {
            "out": self.assigned,
            "init": self.init,
            "offsets": self.fetch_offsets,
            "end": self.take_end,
            "log": self.read_log,
            "seek": self.seek,
            "run": self.run,
            "txn": self.txn,
            "commit": self.commit,
            "doubt": self.doubt,
        }

    def of(self, broker: Broker, number: int, replica: Replica) -> Iterator[Move]:
        step = self.table.get(replica.pc)
        return step(broker, number, replica) if step else iter(())

    def holds(self, rule: Rule) -> bool:
        return rule not in self.without

    def reset(self, replica: Replica, pc: str) -> Replica:
        """Forget all but what belongs to the process: its producer, its membership."""
        blank = Replica(pc=pc, producer=replica.producer, member=replica.member)
        if not self.holds(Rule.BATCH_DIES):
            blank = blank._replace(batch=replica.batch, metadata=replica.metadata)
        if not self.holds(Rule.STATE_DIES):
            blank = blank._replace(kept=max(replica.position, replica.kept))
        return blank

    def again(self, replica: Replica) -> Replica:
        """After a failed transaction: abort, forget, recover, with a new producer where the old one is useless."""
        if replica.gone:
            return self.reset(replica, "out")
        return self.reset(replica, self.first_step if replica.producer == "ok" else "init")

    def assigned(self, broker: Broker, number: int, replica: Replica) -> Iterator[Move]:
        if replica.member == "in" and broker.owner == number:
            pc = self.first_step if replica.producer == "ok" else "init"
            yield "callback: assigned", replica._replace(pc=pc, metadata=self.metadata_at_assignment()), broker
        elif replica.producer != "ok":
            yield from self.new_producer(broker, number, replica, "out")

    def metadata_at_assignment(self) -> str:
        return "" if self.holds(Rule.METADATA_FOLLOWS) else "fresh"

    def init(self, broker: Broker, number: int, replica: Replica) -> Iterator[Move]:
        yield from self.new_producer(broker, number, replica, self.first_step)

    def new_producer(self, broker: Broker, number: int, replica: Replica, pc: str) -> Iterator[Move]:
        status = broker.txns[number].status
        if status == "open":
            yield "init_transactions: aborts the open one", replica, broker.fence(number)
        elif status == "none":
            yield "init_transactions: done", replica._replace(pc=pc, producer="ok"), broker.fence(number)

    def fetch_offsets(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        following = "end" if self.holds(Rule.END_AFTER_OFFSETS) else "log"
        if not broker.pending() or not self.holds(Rule.PENDING_WAIT):
            start = broker.stored
            yield f"recovery 1: committed {start.low}", replica._replace(pc=following, start=start), broker
        elif not self.holds(Rule.TIMEOUT_RETRY):
            yield "recovery 1: timed out, takes 0", replica._replace(pc=following, start=Offsets()), broker

    def take_end(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        end = len(broker.log) if self.holds(Rule.END_UNCOMMITTED) else broker.last_stable()
        following = "log" if self.holds(Rule.END_AFTER_OFFSETS) else "offsets"
        yield f"recovery 2: decisions end at {end}", replica._replace(pc=following, end=end), broker

    def read_log(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        dirty = not self.holds(Rule.READ_COMMITTED)
        if broker.last_stable() < replica.end and self.holds(Rule.READ_TO_END) and not dirty:
            return
        end = replica.end if dirty else min(replica.end, broker.last_stable())
        records = broker.log[replica.start.decisions_from : end]
        found = {(each.decision.parent, each.decision.through) for each in records if dirty or each.status == COMMITTED}
        names = sorted(parent for parent, _ in found)
        fold = Fold(decided=tuple(sorted(found)))
        yield f"recovery 3: decided are {names}", replica._replace(pc="seek", end=0, fold=fold), broker

    def seek(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        position = max(replica.start.low, replica.kept)
        fold = replica.fold._replace(stream=replica.start.stream)
        resumed = replica._replace(
            pc="run", position=position, fold=fold, committed=replica.start, start=Offsets(), kept=0
        )
        yield f"recovery 4: seek {position}", resumed, broker

    def metadata_of(self, replica: Replica) -> str:
        """What the client gives out now. `` stands for: refused, wait for the callback."""
        if not self.holds(Rule.METADATA_FOLLOWS):
            return replica.metadata
        metadata = METADATA[replica.member]
        return "" if metadata == "bare" and self.holds(Rule.METADATA_BARE) else metadata

    def run(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        yield from self.read(broker, replica)
        if replica.batch < 0 and (replica.out or (self.idle_commits and self.offsets_of(replica) != replica.committed)):
            yield self.begin(broker, replica)

    def begin(self, broker: Broker, replica: Replica) -> Move:
        """What the transaction holds is fixed here, except where the rule for it is taken away."""
        sending = min(len(replica.out), self.script.at_once)
        begun = replica._replace(pc="txn", sending=sending, produced=not sending, carried=replica.metadata)
        begun = begun._replace(snapshot=self.offsets_of(begun))
        return f"begins, {sending} of {len(replica.out)} decided", begun, broker

    def read(self, broker: Broker, replica: Replica) -> Iterator[Move]:
        """Consume and apply; also while a transaction is in flight."""
        end = len(self.script.scores)
        if replica.batch >= 0:
            yield self.apply_batch(broker, replica)
            return
        if metadata := self.metadata_of(replica):
            if replica.position < end:
                yield self.consume(broker, replica._replace(batch=replica.position, metadata=metadata))
            elif self.script.wall and replica.fold.windows:
                fold, decisions = close(replica.fold, list(replica.fold.windows), end - 1, "wall")
                closed = replica._replace(fold=fold, out=replica.out + decisions, metadata=metadata)
                yield "takes metadata, closes by wall clock", closed, broker

    def consume(self, broker: Broker, taken: Replica) -> Move:
        """Where a batch dies with its assignment, nothing that comes between consuming and applying can be seen."""
        label = f"takes metadata, consumes {taken.batch}"
        if not self.holds(Rule.BATCH_DIES):
            return label, taken, broker
        then, applied, _ = self.apply_batch(broker, taken)
        return f"{label}, {then}", applied, broker

    def apply_batch(self, broker: Broker, replica: Replica) -> Move:
        offset = replica.batch
        if offset < replica.position:
            return f"drops {offset}", replica._replace(batch=-1), broker
        fold, decisions = apply(self.script, replica.fold, offset)
        applied = replica._replace(batch=-1, position=offset + 1, fold=fold, out=replica.out + decisions)
        return f"applies {offset}", applied, broker

    def offsets_of(self, replica: Replica) -> Offsets:
        waiting = replica.out[replica.sending :] if self.holds(Rule.WAITING_IS_OPEN) else ()
        low, stream = replica.fold.low_watermark(replica.position, waiting)
        if not self.holds(Rule.LOW_WATERMARK):
            return Offsets(replica.position, replica.fold.stream)
        return Offsets(low, stream if self.holds(Rule.STREAM_TIME_AT_LOW) else replica.fold.stream)

    def txn(self, broker: Broker, number: int, replica: Replica) -> Iterator[Move]:
        """A produced record may reach the broker before or after the offsets: only the commit waits for it."""
        txn = broker.txns[number]
        if replica.producer != "ok":
            yield "is fenced", self.again(replica), broker
        elif txn.status in {"none", "open"}:
            if not replica.produced:
                appended = broker.append(number, replica.out[: replica.sending])
                yield "produces", self.ready(replica._replace(produced=True)), appended
            if not replica.sent:
                yield self.send(broker, number, replica)
            yield from self.read_on(broker, replica)

    def read_on(self, broker: Broker, replica: Replica) -> Iterator[Move]:
        if not replica.gone:
            yield from self.read(broker, replica)

    def ready(self, replica: Replica) -> Replica:
        return replica._replace(pc="commit") if replica.produced and replica.sent else replica

    def send(self, broker: Broker, number: int, replica: Replica) -> Move:
        metadata = replica.carried if self.holds(Rule.METADATA_EARLY) else self.metadata_of(replica)
        if self.holds(Rule.FENCING) and metadata not in {"fresh", "bare"}:
            aborted = broker.end(number, "abort") if broker.txns[number].status == "open" else broker
            return f"offsets refused ({metadata or 'withheld'}), aborts", self.refused(replica), aborted
        offsets = replica.snapshot if self.holds(Rule.SNAPSHOT) else self.offsets_of(replica._replace(out=()))
        sent = self.ready(replica._replace(sent=True, committed=offsets))
        if not self.holds(Rule.ONE_TRANSACTION):
            return f"commits offset {offsets.low} alone", sent, broker._replace(stored=offsets)
        txn = broker.txns[number]._replace(status="open", offsets=offsets)
        return f"sends offset {offsets.low} ({metadata})", sent, broker.with_txn(number, txn)

    def refused(self, replica: Replica) -> Replica:
        """An evicted replica would be refused for ever: left out by waiting for the callback, to keep states few."""
        again = self.again(replica)
        hopeless = replica.member != "in" or not self.holds(Rule.METADATA_FOLLOWS)
        return again._replace(pc="wait") if hopeless and again.pc != "out" else again

    def commit(self, broker: Broker, number: int, replica: Replica) -> Iterator[Move]:
        if replica.producer != "ok":
            yield "is fenced", self.again(replica), broker
            return
        yield "commits", self.after_commit(replica), broker.end(number, "commit")
        yield from self.read_on(broker, replica)

    def after_commit(self, replica: Replica) -> Replica:
        if replica.gone:
            return self.reset(replica, "out")
        fold = replica.fold
        if not self.holds(Rule.REMEMBER):
            fold = fold._replace(decided=())
        return replica._replace(
            pc="run",
            fold=fold,
            out=replica.out[replica.sending :],
            sending=0,
            carried="",
            snapshot=Offsets(),
            produced=False,
            sent=False,
        )

    def doubt(self, broker: Broker, number: int, replica: Replica) -> Iterator[Move]:
        if not self.holds(Rule.RECOVER):
            retry = replica._replace(produced=not replica.sending, sent=False)
            yield from self.new_producer(broker, number, retry, "txn")
        elif self.holds(Rule.NEW_PRODUCER):
            yield "drops its producer", self.again(replica._replace(producer="none")), broker
        elif broker.txns[number].status != "open":
            yield "goes on with the same producer", self.again(replica), broker
