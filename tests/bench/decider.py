"""`make bench-decider`: the decider beside a plain transactional loop, on the same Kafka, in turns.

The ratio is the median of those of the pairs, for the machine's own speed drifts.
Scores a second are counted from the first to the last record on the output topic, by the broker's append times: what a
process needs to start, and to be given its partitions, is left out. CPU seconds are those of the whole process.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException, murmur2
from confluent_kafka.admin import AdminClient
from rich.progress import track

from deploy.brokers.guard import Guarded
from deploy.brokers.jars import KAFKA_VERSION
from deploy.brokers.ladder import KafkaAddress, open_kafka
from deploy.brokers.waiting import wait_until
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.scores import ItemScored
from streams import clients, groupoffsets, offsets
from tests.bench.report import Figure, Report, median, spread
from tests.chaos.reading import Entry, read_whole

FOLDER = Path("out/bench")
ITEMS = 10
OPEN_AT_ONCE = 500
PATIENCE = 300.0  # s a run may take
GOAL = 0.5
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    scores: int
    partitions: int
    repetitions: int
    seed: int

    @property
    def parents(self) -> int:
        """How many decisions come out."""
        return self.scores // ITEMS


@dataclass(slots=True)
class Runs:
    """The repetitions of one contestant."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # s for 100,000 scores


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; the exit code tells nothing of the goal."""
    parser = argparse.ArgumentParser(prog="make bench-decider", description=__doc__)
    parser.add_argument("--scores", type=int, default=600_000)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--repetitions", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    size = Size(options.scores, options.partitions, options.repetitions, options.seed)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open_kafka(Settings.load(), FOLDER / "kafka") as kafka:
        report = Bench(kafka, size).run()
    report.show()
    sys.stdout.write(f"written to {report.write()}\n")
    return 0


@dataclass(frozen=True, slots=True)
class Work:
    """One run of one contestant."""

    command: list[str]
    environment: dict[str, str]
    topic: str  # whose records are counted
    group: str


class Bench:
    """One sitting on one Kafka."""

    def __init__(self, kafka: KafkaAddress, size: Size) -> None:
        """Name the topics; nothing is made yet."""
        self._kafka = kafka
        self._size = size
        self._prefix = f"bench-{uuid.uuid4().hex[:8]}."
        self._admin = AdminClient({**kafka.properties, "log_level": 3})

    def run(self) -> Report:
        """Fill the topic, then let both run in turns."""
        plain, ours = Runs(), Runs()
        self._topics(self._prefix)
        bytes_each = self._fill()
        for turn in range(self._size.repetitions):
            pair = [(self._plain(turn), plain), (self._decider(turn), ours)]
            self._renew_decisions()
            for work, runs in pair if turn % 2 == 0 else pair[::-1]:  # each follows itself as often as the other
                self._measure(work, runs)
        ratios = [mine / other for mine, other in zip(ours.rates, plain.rates, strict=True)]
        ratio = median(ratios)
        size = self._size
        return Report(
            name="decider",
            figures=[
                Figure("plain transactional loop", median(plain.rates), "scores/s", spread(plain.rates)),
                Figure("decider", median(ours.rates), "scores/s", spread(ours.rates)),
                Figure("decider / plain loop", ratio, "ratio", spread(ratios), f">= {GOAL}", ratio >= GOAL),
                Figure("plain loop, CPU", median(plain.cpu), "s / 100k scores", spread(plain.cpu)),
                Figure("decider, CPU", median(ours.cpu), "s / 100k scores", spread(ours.cpu)),
                Figure("CPU of decider / plain loop", median(ours.cpu) / median(plain.cpu), "ratio", "the same runs"),
            ],
            dataset=f"{size.scores} scores of {bytes_each} bytes, {ITEMS} a parent, {size.partitions} partitions",
            seed=size.seed,
            versions={"kafka": KAFKA_VERSION if self._kafka.origin == "local" else "the one at SLUICE_KAFKA"},
        )

    def _settings(self, prefix: str, group: str) -> Settings:
        properties = {name: value for name, value in self._kafka.properties.items() if name != "bootstrap.servers"}
        return Settings.load(
            kafka=self._kafka.bootstrap,
            kafka_properties=properties,
            topic_prefix=prefix,
            partitions=self._size.partitions,
            decide_group=group,
        )

    def _topics(self, prefix: str) -> None:
        TopicSet(self._admin, self._settings(prefix, prefix + "decide")).create()

    def _fill(self) -> int:
        """Send the scores; return their length in bytes."""
        producer = clients.producer(self._kafka.properties)
        total = 0
        for key, value in track(scores(self._size), "scores", self._size.scores, transient=True):
            total += len(value)
            while True:
                try:
                    producer.produce(
                        self._prefix + "scores", key=key, value=value, partition=murmur2(key, self._size.partitions)
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush(60)
        return total // self._size.scores

    def _plain(self, turn: int) -> Work:
        """Let the plain loop write to `accept`."""
        target, group = self._prefix + "accept", f"{self._prefix}plain-{turn}"
        command = [sys.executable, "-m", "tests.bench.plain", self._kafka.bootstrap, self._prefix + "scores"]
        return Work([*command, target, group, str(self._size.partitions)], {}, target, group)

    def _decider(self, turn: int) -> Work:
        """Let the decider write to all of its topics."""
        group = f"{self._prefix}decider-{turn}"
        environment = {
            "SLUICE_KAFKA": self._kafka.bootstrap,
            "SLUICE_TOPIC_PREFIX": self._prefix,
            "SLUICE_PARTITIONS": str(self._size.partitions),
            "SLUICE_DECIDE_GROUP": group,
            "SLUICE_INSTANCE": "bench",
        }
        command = [sys.executable, "-c", "from deploy.cli import main; main()", "decide"]
        return Work(command, environment, self._prefix + "decisions", group)

    def _renew_decisions(self) -> None:
        """Make the log anew: what it holds is decided, in whatever group."""
        name = self._prefix + "decisions"
        self._admin.delete_topics([name])[name].result()
        wait_until(lambda: name not in self._admin.list_topics(timeout=10).topics, timeout_s=30)
        self._topics(self._prefix)
        wait_until(lambda: self._readable(name), timeout_s=30)

    def _readable(self, topic: str) -> bool:
        try:
            return set(self._ends(topic).values()) == {0}
        except KafkaException:  # the client still knows the topic as it was
            self._admin.list_topics(topic, timeout=10)
            return False

    def _measure(self, work: Work, runs: Runs) -> None:
        before = self._ends(work.topic)
        environment = {**os.environ, **work.environment}
        with Guarded(work.command, log=FOLDER / "contestant.log", env=environment, cwd=_ROOT) as process:
            self._until(process, lambda: self._ends(work.topic) != before)
            cpu = _cpu_seconds(process.pid)
            self._until(process, lambda: self._all_read(work.group))
            cpu = _cpu_seconds(process.pid) - cpu
        times = [one.at for one in self._whole(work.topic) if one.offset >= before[one.partition]]
        if len(times) != self._size.parents:
            raise RuntimeError(f"{len(times)} records on {work.topic}, not {self._size.parents}")
        runs.rates.append(self._size.scores / (max(times) - min(times)) * 1000)
        runs.cpu.append(cpu / self._size.scores * 100_000)

    def _until(self, process: Guarded, condition: Callable[[], bool]) -> None:
        if not wait_until(lambda: condition() or process.wait(0.1) is not None, timeout_s=PATIENCE) or not condition():
            raise RuntimeError(f"it did not come to its end; see {FOLDER / 'contestant.log'}")

    def _all_read(self, group: str) -> bool:
        """Tell whether the committed offsets are at the end of the scores: nothing is open any more."""
        ends = self._ends(self._prefix + "scores")
        return groupoffsets.committed(self._kafka.properties, group, self._prefix + "scores", ends) == ends

    def _ends(self, topic: str) -> dict[int, int]:
        return offsets.ends(self._admin, topic, range(self._size.partitions))

    def _whole(self, topic: str) -> list[Entry]:
        return read_whole(self._kafka.properties, topic, self._size.partitions)


def _cpu_seconds(process: int) -> float:
    """Return what a process has used, all its threads together (proc(5): utime and stime)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scores(size: Size) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values as a worker sends them: many parents at a time, each item once."""
    draw = random.Random(size.seed)
    for first in range(0, size.parents, OPEN_AT_ONCE):
        parents = range(first, min(first + OPEN_AT_ONCE, size.parents))
        pairs = [(parent, index) for parent in parents for index in range(ITEMS)]
        draw.shuffle(pairs)
        for parent, index in pairs:
            name = f"camera-7/2026-01-01/recording-{parent:08d}.mp4"
            yield name.encode(), _scored(name, index, draw).to_json()


def _scored(name: str, index: int, draw: random.Random) -> ItemScored:
    """Return a score as the scoring worker sends it."""
    return ItemScored(
        parent_id=name,
        kind="video-frame",
        source="camera-7",
        appended_at=time.time_ns() // 1_000_000,
        item_id=f"{name}#{index}",
        index=index,
        count=ITEMS,
        item_partition=3,
        item_offset=draw.randrange(10**7),
        content_hash=f"{draw.getrandbits(256):064x}",
        score=draw.random(),
        reasons=("blurred",) if draw.random() < 0.2 else (),
        metrics={metric: draw.random() for metric in ("sharpness", "luma", "contrast", "noise", "clipped")},
        scorer="0123456789abcdef" * 4,
        calibrated=True,
        embedding=f"dinov2-small:{'89ab' * 8}:{draw.getrandbits(128):032x}",
    )


if __name__ == "__main__":
    sys.exit(main())
