"""The numbered steps of recovery, each of which may come at any time."""

from collections.abc import Iterator

from tests.unit.protocol.model_checkpoint import Checkpoints, Offsets
from tests.unit.protocol.model_kafka import Broker
from tests.unit.protocol.model_replica import Move, Replica
from tests.unit.protocol.model_window import Marker, Script
from tests.unit.protocol.rules import Rule


class RecoverySteps:
    def __init__(self, script: Script, without: frozenset[Rule]) -> None:
        self.script = script
        self.without = without
        self.checkpoints = Checkpoints(script, without)
        self.first_step = "end" if Rule.END_AFTER_OFFSETS in without else "offsets"

    def holds(self, rule: Rule) -> bool:
        return rule not in self.without

    def fetch_offsets(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        following = "end" if self.holds(Rule.END_AFTER_OFFSETS) else "log"
        if not broker.pending() or not self.holds(Rule.PENDING_WAIT):
            start = self.above(broker.scores_start, broker.stored)
            yield f"recovery 1: committed {start.low}", replica._replace(pc=following, start=start), broker
        elif not self.holds(Rule.TIMEOUT_RETRY):
            yield "recovery 1: timed out, takes 0", replica._replace(pc=following, start=Offsets()), broker

    def above(self, scores_start: int, start: Offsets) -> Offsets:
        """What is committed, unless retention has deleted scores above it. Then any window may lack some."""
        if start.low >= scores_start:
            return start
        markers = [one.version for one in self.script.records[:scores_start] if isinstance(one, Marker)]
        version = markers[-1] if markers and self.holds(Rule.TRUNCATED_POLICY) else start.version
        below = len(self.script.records) if self.holds(Rule.TRUNCATED) else 0
        return start._replace(low=scores_start, version=version, truncated_below=below)

    def take_end(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        end = len(broker.log) if self.holds(Rule.END_UNCOMMITTED) else broker.last_stable()
        following = "log" if self.holds(Rule.END_AFTER_OFFSETS) else "offsets"
        yield f"recovery 2: decisions end at {end}", replica._replace(pc=following, end=end), broker

    def read_log(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        dirty = not self.holds(Rule.READ_COMMITTED)
        if broker.last_stable() < replica.end and self.holds(Rule.READ_TO_END) and not dirty:
            return
        end = replica.end if dirty else min(replica.end, broker.last_stable())
        found = broker.readable(replica.start.decisions_from, end, dirty=dirty)
        fold = self.checkpoints.recall(found, replica.end)
        names = [f"{each.parent}{'' if each.span < 0 else each.span}" for each in fold.decided]
        yield f"recovery 3: decided are {names}", replica._replace(pc="seek", end=0, fold=fold), broker

    def seek(self, broker: Broker, _: int, replica: Replica) -> Iterator[Move]:
        position = max(replica.start.low, replica.kept)
        fold = self.checkpoints.resumed(replica.fold, replica.start)
        resumed = replica._replace(
            pc="run", position=position, fold=fold, committed=replica.start, start=Offsets(), kept=0
        )
        yield f"recovery 4: seek {position}", resumed, broker
