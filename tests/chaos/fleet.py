"""The deciders under test: real processes, started, killed, frozen; and what their log lines say."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.brokers.guard import Guarded

_ROOT = Path(__file__).parents[2]
SLUICE = ("-c", "from deploy.cli import main; main()")  # for the interpreter
_GONE = frozenset({"assigned", "recovering", "revoked", "lost"})


@dataclass(frozen=True, slots=True)
class Event:
    """One log line of a decider."""

    replica: str
    life: int  # which of its processes
    name: str
    fields: dict[str, Any]

    @property
    def partitions(self) -> list[int]:
        """The partitions that it speaks of."""
        one = self.fields.get("partition")
        return [int(one)] if one is not None else [int(number) for number in self.fields.get("partitions", [])]


class Journal:
    """All events of all deciders in the order in which they were read, and who owns what by them."""

    def __init__(self) -> None:
        """Begin empty."""
        self._events: list[Event] = []
        self._changed = threading.Condition()
        # More than one at a time, since a process that was frozen, or is dead, may still believe that it owns one.
        self._holders: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
        self._last: dict[int, str] = {}
        self.moved = 0

    def add(self, event: Event) -> None:
        """Note an event, and who owns its partitions after it."""
        with self._changed:
            self._events.append(event)
            for number in event.partitions:
                self._note(event, number)
            self._changed.notify_all()

    def _note(self, event: Event, number: int) -> None:
        if event.name == "recovered":
            self.moved += self._last.get(number, event.replica) != event.replica
            self._last[number] = event.replica
            self._holders[number].add((event.replica, event.life))
        elif event.name in _GONE:
            self._holders[number].discard((event.replica, event.life))

    def held_by(self, lives: set[tuple[str, int]]) -> list[int]:
        """Return the partitions that one of these processes says it owns, recovered."""
        with self._changed:
            return sorted(number for number, holders in self._holders.items() if holders & lives)

    def mark(self) -> int:
        """Return the place that events from now on are behind."""
        with self._changed:
            return len(self._events)

    def since(self, mark: int) -> list[Event]:
        """Return the events behind a place."""
        with self._changed:
            return self._events[mark:]

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until a condition on events holds; tell whether it came to hold in time."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def wait_for(self, mark: int, matches: Callable[[Event], bool], timeout: float) -> bool:
        """Wait for an event behind a place."""
        return self.wait(lambda: any(matches(event) for event in self._events[mark:]), timeout)


class Replica:
    """One decider with a stable name, through all of its lives."""

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        folder: Path,
        journal: Journal,
        program: tuple[str, ...] = SLUICE,
    ) -> None:
        """Name it; nothing is started yet. `program` is what the interpreter is given in the place of `sluice`."""
        self.name = name
        self.life = 0
        self.running = False
        self._environment = {**os.environ, **environment, "SLUICE_INSTANCE": name}
        self._folder = folder
        self._journal = journal
        self._program = program
        self._process: Guarded | None = None
        self._arguments: tuple[str, ...] = ()

    def start(self, *arguments: str) -> None:
        """Start it, or start it again with the arguments of before."""
        self._arguments = arguments or self._arguments
        self.life += 1
        log = self._folder / f"{self.name}.{self.life}.log"
        command = [sys.executable, *self._program, "decide", *self._arguments]
        self._process = Guarded(command, log=log, env=self._environment, cwd=_ROOT)
        self.running = True
        follower = threading.Thread(target=self._follow, args=(log, self._process, self.life), daemon=True)
        follower.start()

    def kill(self) -> None:
        """End it with SIGKILL, frozen or not, and wait until it is gone."""
        self.running = False
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)
            self._process.stop()

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, as if no time had passed."""
        self._signal(signal.SIGCONT)

    def finish(self) -> int | None:
        """End it with SIGTERM and return its exit code, or None when it had to be killed."""
        if self._process is None:
            return None
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        code = self._process.wait(30)
        self._process.stop()
        return code

    def exit_code(self, timeout: float) -> int | None:
        """Return the exit code once it ended by itself, or None when it did not in time."""
        if self._process is None:
            return None
        code = self._process.wait(timeout)
        self._process.stop()
        return code

    def log(self) -> str:
        """Return the log of the present life."""
        return (self._folder / f"{self.name}.{self.life}.log").read_text(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def _follow(self, log: Path, process: Guarded, life: int) -> None:
        with log.open() as lines:
            rest, ended = "", False
            while True:
                rest += lines.read()
                *complete, rest = rest.split("\n")
                for line in complete:
                    self._read(line, life)
                if ended:
                    return
                ended = process.wait(0.005) is not None

    def _read(self, line: str, life: int) -> None:
        with contextlib.suppress(json.JSONDecodeError):
            fields = json.loads(line)
            if isinstance(fields, dict) and fields.get("logger") == "sluice.decide":
                self._journal.add(Event(self.name, life, str(fields.get("message")), fields))


class Fleet:
    """All replicas of one group."""

    def __init__(
        self,
        names: list[str],
        environment: Mapping[str, str],
        folder: Path,
        partitions: int,
        program: tuple[str, ...] = SLUICE,
    ) -> None:
        """Name the replicas; nothing is started yet."""
        self.journal = Journal()
        self.partitions = partitions
        self.replicas = [Replica(name, environment, folder, self.journal, program) for name in names]

    def start(self, *arguments: str) -> None:
        """Start all replicas and wait until every partition has an owner."""
        for replica in self.replicas:
            replica.start(*arguments)
        self.settle(60)

    def owned(self, replica: Replica) -> list[int]:
        """Return the partitions that a replica's present life owns."""
        return self.journal.held_by({(replica.name, replica.life)})

    def other(self, replica: Replica) -> Replica:
        """Return a replica that is not this one."""
        return next(one for one in self.replicas if one is not replica)

    def settle(self, timeout: float) -> bool:
        """Wait until every partition is owned, and recovered, by a process that lives."""
        return self.journal.wait(self._settled, timeout)

    def _settled(self) -> bool:
        alive = {(replica.name, replica.life) for replica in self.replicas if replica.running}
        return len(self.journal.held_by(alive)) == self.partitions

    def has_all(self, replica: Replica, timeout: float) -> bool:
        """Wait until one replica owns everything."""
        return self.journal.wait(lambda: len(self.owned(replica)) == self.partitions, timeout)

    def finish(self) -> list[int | None]:
        """End all replicas in an orderly way and return their exit codes."""
        return [replica.finish() for replica in self.replicas]
