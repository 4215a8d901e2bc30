"""One replica of the decider as it stands: what the next step depends on."""

from typing import NamedTuple

from tests.unit.protocol.model_checkpoint import Offsets
from tests.unit.protocol.model_kafka import Broker
from tests.unit.protocol.model_window import Decision, Fold


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
