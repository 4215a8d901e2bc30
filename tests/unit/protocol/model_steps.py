"""The steps of one replica of the decider, at the granularity of the numbered steps of the protocol."""

from collections.abc import Callable, Iterator

from tests.unit.protocol.model_checkpoint import Offsets
from tests.unit.protocol.model_gate import Gate
from tests.unit.protocol.model_kafka import Broker
from tests.unit.protocol.model_recovery import RecoverySteps
from tests.unit.protocol.model_replica import Move, Replica
from tests.unit.protocol.model_window import Decision, Marker, Script
from tests.unit.protocol.rules import Rule

METADATA = {"in": "fresh", "evicted": "stale", "bare": "bare", "off": "bare"}


class ReplicaSteps:
    def __init__(self, script: Script, without: frozenset[Rule], *, idle_commits: bool) -> None:
        self.script = script
        self.without = without
        self.idle_commits = idle_commits
        self.gate = Gate(script, without)
        recovery = RecoverySteps(script, without)
        self.first_step = recovery.first_step
        self.checkpoints = recovery.checkpoints
        versions = [record.version for record in script.records if isinstance(record, Marker)]
        self.heard = versions if Rule.MARKER_IN_SCORES in without else []
        self.table: dict[str, Callable[[Broker, int, Replica], Iterator[Move]]] = {
            "out": self.assigned,
            "init": self.init,
            "offsets": recovery.fetch_offsets,
            "end": recovery.take_end,
            "log": recovery.read_log,
            "seek": recovery.seek,
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

    def metadata_of(self, replica: Replica) -> str:
        """What the client gives out now. `` stands for: refused, wait for the callback."""
        if not self.holds(Rule.METADATA_FOLLOWS):
            return replica.metadata
        metadata = METADATA[replica.member]
        return "" if metadata == "bare" and self.holds(Rule.METADATA_BARE) else metadata

    def run(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        if replica.position < broker.scores_start:
            yield "out of range, starts over", self.reset(replica, self.first_step), broker
            return
        yield from self.read(broker, replica)
        if replica.batch < 0 and (replica.out or (self.idle_commits and self.offsets_of(replica) != replica.committed)):
            yield self.begin(broker, replica)
        for version in self.heard:
            if version > replica.fold.version:
                heard = replica._replace(fold=replica.fold._replace(version=version))
                yield f"hears of version {version}", heard, broker

    def begin(self, broker: Broker, replica: Replica) -> Move:
        """What the transaction holds is fixed here, except where the rule for it is taken away."""
        sending = min(len(replica.out), self.script.at_once)
        begun = replica._replace(pc="txn", sending=sending, produced=not sending, carried=replica.metadata)
        begun = begun._replace(fold=self.checkpoints.forget(begun.fold, self.offsets_of(begun).low))
        begun = begun._replace(snapshot=self.offsets_of(begun))
        return f"begins, {sending} of {len(replica.out)} decided", begun, broker

    def read(self, broker: Broker, replica: Replica) -> Iterator[Move]:
        """Consume and apply; also while a transaction is in flight."""
        end = len(self.script.records)
        if replica.batch >= 0:
            yield self.apply_batch(broker, replica)
            return
        if metadata := self.metadata_of(replica):
            if replica.position < end:
                yield self.consume(broker, replica._replace(batch=replica.position, metadata=metadata))
            elif self.script.wall and any(window.waits for window in replica.fold.windows):
                fold, decisions = self.gate.close_by_wall(replica.fold)
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
        fold, decisions = self.gate.apply(replica.fold, offset)
        applied = replica._replace(batch=-1, position=offset + 1, fold=fold, out=replica.out + decisions)
        return f"applies {offset}", applied, broker

    def offsets_of(self, replica: Replica) -> Offsets:
        waiting = replica.out[replica.sending :] if self.holds(Rule.WAITING_IS_OPEN) else ()
        return self.checkpoints.taken(replica.fold, replica.position, waiting)

    def txn(self, broker: Broker, number: int, replica: Replica) -> Iterator[Move]:
        """A produced record may reach the broker before or after the offsets: only the commit waits for it."""
        txn = broker.txns[number]
        if replica.producer != "ok":
            yield "is fenced", self.again(replica), broker
        elif txn.status in {"none", "open"}:
            if not replica.produced:
                sent = replica.out[: replica.sending]
                fold = self.checkpoints.placed(replica.fold, sent, len(broker.log))
                produced = self.ready(replica._replace(produced=True, fold=fold))
                yield "produces", produced, self.with_views(broker, sent).append(number, sent)
            if not replica.sent:
                yield self.send(broker, number, replica)
            yield from self.read_on(broker, replica)

    def with_views(self, broker: Broker, sent: tuple[Decision, ...]) -> Broker:
        if self.holds(Rule.VIEWS_TOGETHER):
            return broker
        return broker._replace(strays=broker.strays + tuple(decision.id for decision in sent))

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
