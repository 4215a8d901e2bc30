"""The faults. Each is brought about under a condition, not at a time, so that it does what its name says."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # its stubs forget the export

from tests.chaos.fleet import Event, Fleet, Replica

Kind = Literal["kill", "kill_in_transaction", "kill_in_recovery", "freeze_in_recovery", "zombie"]
KINDS: tuple[Kind, ...] = ("kill_in_transaction", "zombie", "kill_in_recovery", "freeze_in_recovery", "kill")
REFUSED = frozenset({"fenced", "lost"})
TAKEOVER = 60.0  # s; session, transaction and abort time-outs together, on a machine that has other things to do
AIM = 8.0  # s to wait for an open transaction
STOPPED_LONGER = 1.5  # of the session time-out


@dataclass(slots=True)
class Tally:
    """What was done, and what came of it."""

    kinds: Counter[str] = field(default_factory=Counter)
    in_transaction: int = 0  # killed while decisions of an open transaction lay on the topic
    in_recovery: int = 0  # killed or frozen between `assigned` and `recovered`
    zombies: int = 0  # frozen until another owned its partitions, and refused when it came back
    unsettled: list[str] = field(default_factory=list)


class Injector:
    """Injects faults into a fleet, one after the other."""

    def __init__(
        self, fleet: Fleet, properties: Mapping[str, Any], decisions: str, seed: int, session_seconds: float
    ) -> None:
        """Get ready; `decisions` is the name of the log topic."""
        self._fleet = fleet
        self._admin = AdminClient({**properties, "log_level": 3})
        self._decisions = decisions
        self._draw = random.Random(seed)
        self._session = session_seconds
        self._pause = threading.Event()
        self.tally = Tally()

    def inject(self, kind: Kind) -> None:
        """Bring one fault about, and wait until every partition is owned again."""
        faults: dict[Kind, Callable[[Replica], None]] = {
            "kill": self._kill,
            "kill_in_transaction": self._kill_in_transaction,
            "kill_in_recovery": lambda victim: self._in_recovery(victim, victim.kill),
            "freeze_in_recovery": self._freeze_in_recovery,
            "zombie": self._zombie,
        }
        victim = self._draw.choice(self._fleet.replicas)
        self._pause.wait(self._draw.uniform(0.2, 1.0))
        faults[kind](victim)
        self.tally.kinds[kind] += 1
        if not self._fleet.settle(TAKEOVER):
            self.tally.unsettled.append(f"{kind} of {victim.name}")

    def _kill(self, victim: Replica) -> None:
        victim.kill()
        self._restart(victim)

    def _restart(self, victim: Replica) -> None:
        """Start it again, at once or after another has taken its partitions over."""
        if self._draw.random() < 0.5:
            self._fleet.has_all(self._fleet.other(victim), TAKEOVER)
        victim.start()

    def _kill_in_transaction(self, victim: Replica) -> None:
        self.tally.in_transaction += self._freeze_in_transaction(victim)
        victim.kill()
        self._restart(victim)

    def _freeze_in_transaction(self, victim: Replica) -> bool:
        """Freeze it while decisions of its open transaction lie on the topic; tell whether that was met."""
        deadline = time.monotonic() + AIM
        while time.monotonic() < deadline:
            if self._open_transaction(victim):
                victim.freeze()
                if self._open_transaction(victim):
                    return True
                victim.thaw()
        return False

    def _open_transaction(self, victim: Replica) -> bool:
        owned = self._fleet.owned(victim)
        ends, stable = (
            self._ends(owned, level) for level in (IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED)
        )
        return any(ends[number] > stable.get(number, 0) for number in ends)

    def _ends(self, partitions: list[int], level: IsolationLevel) -> dict[int, int]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(self._decisions, number): latest for number in partitions}
        try:
            answers = self._admin.list_offsets(wanted, isolation_level=level) if wanted else {}
            return {place.partition: future.result().offset for place, future in answers.items()}
        except KafkaException:
            return {}

    def _in_recovery(self, victim: Replica, strike: Callable[[], None]) -> None:
        """Let it recover, and strike before it is done."""
        victim.kill()
        mark = self._fleet.journal.mark()
        victim.start()
        life = victim.life
        begun = self._fleet.journal.wait_for(mark, lambda event: _assigned(event, victim.name, life), TAKEOVER)
        self._pause.wait(self._draw.uniform(0.0, 0.05))
        strike()
        done = {
            n for e in self._fleet.journal.since(mark) if _is(e, victim.name, life, "recovered") for n in e.partitions
        }
        given = {
            n for e in self._fleet.journal.since(mark) if _is(e, victim.name, life, "assigned") for n in e.partitions
        }
        self.tally.in_recovery += begun and bool(given - done)
        if not victim.running:
            victim.start()

    def _freeze_in_recovery(self, victim: Replica) -> None:
        self._in_recovery(victim, victim.freeze)
        self._wake_refused(victim)

    def _zombie(self, victim: Replica) -> None:
        if not self._freeze_in_transaction(victim):
            victim.freeze()
        self._wake_refused(victim)

    def _wake_refused(self, victim: Replica) -> None:
        """Let a frozen replica go on after another has taken everything over; it must be refused."""
        taken = self._fleet.has_all(self._fleet.other(victim), TAKEOVER)
        self._pause.wait(self._draw.uniform(0.0, self._session * (STOPPED_LONGER - 1.0)))
        mark = self._fleet.journal.mark()
        victim.thaw()
        life = victim.life
        refused = self._fleet.journal.wait_for(
            mark, lambda event: event.name in REFUSED and (event.replica, event.life) == (victim.name, life), TAKEOVER
        )
        self.tally.zombies += taken and refused


def _is(event: Event, replica: str, life: int, name: str) -> bool:
    return (event.replica, event.life, event.name) == (replica, life, name)


def _assigned(event: Event, replica: str, life: int) -> bool:
    return _is(event, replica, life, "assigned") and bool(event.partitions)
