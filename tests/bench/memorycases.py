"""The cases of `make bench-memory`, each in a process of its own: CASE NUMBER, a JSON object comes out.

Scores are made on the fly and none is kept, so that what a process takes is what its gates take. It has the gates of a
decider that owns six partitions, and what a decider imports.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from aggregation import PartitionGate
from aggregation.windows import KNOWN_BYTES
from deploy.decider import _collect_garbage_rarely
from schemas.policy import Policy, Rule

PARTITIONS = 6
BATCH = 2_000
ROLLING_ITEMS = 10
MEASURED = 300_000  # scores, of a rolling case
A_DAY = 86_400_000
START = 1_700_000_000_000  # ms since 1970
SCORES_A_SECOND = 30_000  # in stream time
LATER = START + 10 * A_DAY
SAMPLES = 60
_STRIDES = (617_171, 7_919, 104_729, 611_953, 15_485_863, 32_452_843, 49_979_687, 67_867_967, 86_028_121, 982_451_653)

Score = tuple[int, int, int]
"""Parent, index, count."""

_SCORER = "0123456789abcdef" * 4
_METRICS = '{"sharpness":0.3333333333333333,"luma":0.5172413793103449,"contrast":0.2222222222222222,"clipped":0.0}'
_REASONS = ('["blurred"]', '["dark","blurred"]', *["[]"] * 8)


@dataclass(slots=True)
class Feed:
    """Six gates, and what was seen while they took their scores."""

    gates: list[PartitionGate]
    total: int  # scores that will come
    draw: random.Random = field(default_factory=lambda: random.Random(1))
    offsets: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    done: int = 0
    seconds: float = 0.0  # CPU time within the gates
    samples: list[tuple[int, int, int, float]] = field(default_factory=list)  # scores, open windows, bytes, seconds
    causes: Counter[str] = field(default_factory=Counter)
    decided: bytearray = field(default_factory=bytearray)  # by parent: how many decisions
    estimate: int = 0  # bytes, as the gates weigh themselves
    peak: int = 0  # bytes, before all is closed at once
    base: int = field(default_factory=lambda: resident("VmRSS"))

    def take(self, scores: Iterable[Score]) -> None:
        """Apply scores in batches, each to the gate of one partition, as a consumer hands them over."""
        places: list[list[tuple[int, bytes]]] = [[] for _ in range(PARTITIONS)]
        for parent, index, count in scores:
            partition = parent % PARTITIONS
            batch = places[partition]
            batch.append((self.offsets[partition], self._record(parent, index, count)))
            self.offsets[partition] += 1
            if len(batch) == BATCH:
                self._apply(partition, batch)
                batch.clear()
        for partition, batch in enumerate(places):
            self._apply(partition, batch)

    def _record(self, parent: int, index: int, count: int) -> bytes:
        drawn = self.draw.getrandbits(128)
        name = f"camera-{parent % 7}/2026-01-01/recording-{parent:08d}.mp4"
        at = START + self.done * 1000 // SCORES_A_SECOND
        return (
            f'{{"schema_version":1,"type":"ItemScored","parent_id":"{name}","kind":"video-frame",'
            f'"source":"camera-{parent % 7}","appended_at":{at},"item_id":"{name}#{index}","index":{index},'
            f'"count":{count},"item_partition":3,"item_offset":{self.done},"content_hash":"{drawn:064x}",'
            f'"score":0.{drawn % 10**16:016d},"reasons":{_REASONS[drawn % 10]},"metrics":{_METRICS},'
            f'"scorer":"{_SCORER}","calibrated":true,"embedding":"dinov2-small:{_SCORER[:32]}:{drawn:032x}"}}'
        ).encode()

    def _apply(self, partition: int, batch: list[tuple[int, bytes]]) -> None:
        gate = self.gates[partition]
        before = time.process_time()
        problems = gate.apply(batch, START)
        self._decisions(gate)
        self.seconds += time.process_time() - before
        if problems:
            raise RuntimeError(f"a score cannot be read: {problems[0]}")
        self.done += len(batch)
        if self.done * SAMPLES >= len(self.samples) * self.total:
            self.sample()

    def _decisions(self, gate: PartitionGate) -> None:
        for verdict in gate.take(5_000):
            self.causes[f"{verdict.cause}/{verdict.action}"] += 1
            if self.decided:
                parent = int(verdict.key[-12:-4])
                self.decided[parent] = min(255, self.decided[parent] + 1)
        gate.checkpoint()

    def sample(self) -> None:
        """Note how much memory the process has."""
        self.estimate = sum(_estimate(gate) for gate in self.gates)
        self.peak = resident("VmHWM")
        self.samples.append((self.done, self.open_windows, resident("VmRSS"), round(self.seconds, 4)))

    @property
    def open_windows(self) -> int:
        """How many are open, in all gates."""
        return sum(gate.open_windows for gate in self.gates)

    def close_all(self) -> None:
        """Close what is open, as if a day had passed."""
        for gate in self.gates:
            gate.close_due(LATER, START)
            while gate.ready:
                self._decisions(gate)


def resident(what: str) -> int:
    """Return a figure of this process in bytes (proc(5): VmRSS is what it has, VmHWM the most it had)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def many(parents: int, items: int) -> Iterator[Score]:
    """Yield item after item of all parents, each time in another order; of each parent most are still to come."""
    for index in range(items):
        stride = _STRIDES[index % len(_STRIDES)]
        for place in range(parents):
            yield place * stride % parents, index, 300


def one(items: int, order: str) -> Iterator[Score]:
    """Yield the items of one parent: in order, scattered or reversed."""
    for place in range(items):
        index = {"order": place, "scattered": place * _STRIDES[0] % items, "reversed": items - 1 - place}[order]
        yield 0, index, items


def rolling(parents: int) -> Iterator[Score]:
    """Yield scores of so many parents at a time, for ever: each ten, and as many begin as end."""
    block = parents // ROLLING_ITEMS
    for turn in range(sys.maxsize):
        for place in range(block):
            for index in range(min(turn + 1, ROLLING_ITEMS)):
                mixed = (place * _STRIDES[index] + turn) % block
                yield (turn - index) * block + mixed, index, ROLLING_ITEMS


def _feed(total: int, most_bytes: int | None = None) -> Feed:
    policy = Policy(name="bench", rules=[Rule(idle_ms=A_DAY, max_age_ms=A_DAY)])
    each = None if most_bytes is None else most_bytes // PARTITIONS
    gates = [PartitionGate(partition, policy, most_bytes=each) for partition in range(PARTITIONS)]
    _collect_garbage_rarely()
    return Feed(gates, total)


def _open_parents(parents: int, items: int) -> Feed:
    feed = _feed(parents * items)
    feed.take(many(parents, items))
    feed.sample()
    feed.close_all()
    return feed


def _one_parent(items: int, order: str) -> Feed:
    feed = _feed(items)
    feed.take(one(items, order))
    feed.sample()
    return feed


def _rolling(parents: int) -> Feed:
    warm = parents * (ROLLING_ITEMS + 1) // 2
    feed = _feed(warm + MEASURED)
    scores = rolling(parents)
    feed.take(islice(scores, warm))
    feed.seconds = 0.0
    feed.take(islice(scores, MEASURED))
    feed.sample()
    return feed


def _bounded(parents: int, mebibytes: int) -> Feed:
    feed = _feed(parents * 3, mebibytes * 2**20)
    feed.decided = bytearray(parents)
    feed.take(many(parents, 3))
    feed.sample()
    feed.close_all()
    return feed


CASES: dict[str, Callable[[int], Feed]] = {
    "open-3": lambda number: _open_parents(number, 3),
    "open-10": lambda number: _open_parents(number, 10),
    "order": lambda number: _one_parent(number, "order"),
    "scattered": lambda number: _one_parent(number, "scattered"),
    "reversed": lambda number: _one_parent(number, "reversed"),
    "rolling": _rolling,
    "bounded": lambda number: _bounded(number, 512),
}


def _estimate(gate: PartitionGate) -> int:
    windows = gate._windows
    return windows.weight + len(windows.decided) * KNOWN_BYTES


def main(case: str, number: str) -> None:
    """Run one case and print what was seen."""
    feed = CASES[case](int(number))
    found = {
        "base": feed.base,
        "peak": feed.peak,
        "peak_closing": resident("VmHWM"),
        "seconds": feed.seconds,
        "samples": feed.samples,
        "causes": feed.causes,
        "undecided": feed.decided.count(0),
        "repeated": sum(count > 1 for count in feed.decided),
        "shed": sum(gate.tally.shed for gate in feed.gates),
        "reopened": sum(gate.tally.reopened for gate in feed.gates),
        "estimate": feed.estimate,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
