"""`make bench-replay`: a run replayed with its own head from a warm cache, and under its own policy alone.

The cold run is a real worker with an empty cache and a real decider, on real frames. Its time is from the first to the
last answer on `scores`, by the brokers' append times, so that no start of a process is in it; that of a replay is the
whole command, with the loading of encoders. Decisions are compared field by field, but for the time at which they were
made and for windows that the wall clock closed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from deploy.brokers.jars import KAFKA_VERSION
from deploy.brokers.ladder import KafkaAddress, open_kafka, open_redis
from deploy.brokers.waiting import wait_until
from deploy.demo.clips import items
from deploy.replay.folder import DECISIONS_FILE, Run
from deploy.replay.options import ReplayOptions
from deploy.replay.run import replay
from deploy.settings import Settings
from schemas.items import RawItem
from streams import clients, groupoffsets, offsets
from tests.bench.early_material import clips, interleaved
from tests.bench.report import Figure, Report
from tests.chaos.reading import read_whole
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline

FOLDER = Path("out/bench/replay")
HEADS = Path("deploy/heads")
FRAMES = 20  # of each parent
BAD = 0.3
PATIENCE = 7_200.0  # s the cold run may take
WARM_GOAL, POLICY_GOAL = 20, 100


@dataclass(frozen=True, slots=True)
class Cold:
    """What the cold run did."""

    seconds: float
    ended: str  # all replays end there
    decisions: dict[tuple[str, str, int], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Again:
    """What a replay did."""

    run: Run
    seconds: float
    differing: int


class _Silent:
    def planned(self, run: Run, *, resumed: bool) -> None:
        """Say nothing."""

    def advance(self, stage: str, records: int) -> None:
        """Say nothing."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; 1 where a goal is missed, as the speeds are where there are few items."""
    parser = argparse.ArgumentParser(prog="make bench-replay", description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # an encoder with several threads stands still when others work
    FOLDER.mkdir(parents=True, exist_ok=True)
    report = _measured(max(1, options.items // FRAMES), options.seed)
    report.show()
    sys.stdout.write(f"written to {report.write()}\n")
    return 0 if all(figure.met is not False for figure in report.figures) else 1


def _measured(parents: int, seed: int) -> Report:
    material = items(clips(parents, FRAMES, BAD, seed), FRAMES, seed)
    folder = FOLDER / str(int(time.time()))
    folder.mkdir()
    local = Settings.load().model_copy(update={"redis": None})  # nobody else's cache is asked, or filled
    with (
        open_kafka(Settings.load(), FOLDER / "kafka") as kafka,
        open_redis(local, folder / "valkey") as redis,
        pipeline(kafka, redis, folder) as line,
    ):
        cold = _cold(line, interleaved(list(material.values()), 8), parents * FRAMES)
        before = _ends(line)
        warm = _replayed(line, folder / "warm", cold, HEADS)
        alone = _replayed(line, folder / "policy", cold, None)
        twice = _replayed(line, folder / "policy-again", cold, None)
        changed = sum(before[name] != end for name, end in _ends(line).items())
    return Report(
        name="replay",
        figures=_figures(cold, warm, alone, _same(alone, twice), changed),
        dataset=f"{parents} clips of {FRAMES} real frames, {BAD:.0%} damaged",
        seed=seed,
        versions={"kafka": KAFKA_VERSION if kafka.origin == "local" else "the one at SLUICE_KAFKA"},
    )


def _cold(line: Pipeline, material: Iterable[RawItem], count: int) -> Cold:
    """Let a worker and a decider do everything, and end them."""
    line.start("decide-0", "decide")
    line.start("score-0", "score", "--device", "cpu")
    publisher = line.publisher()
    for item in material:
        publisher.item(item)
    publisher.flush(600)
    admin = clients.admin(line.kafka.properties)

    def decided() -> bool:
        for name, process in line.running.items():
            if process.wait(0.5) is not None:
                raise RuntimeError(f"{name} has ended; its log is in {line.folder}")
        try:
            ends = offsets.ends(admin, line.names.scores, range(PARTITIONS))
            done = groupoffsets.committed(line.kafka.properties, line.settings.decide_group, line.names.scores, ends)
        except KafkaException:  # on a busy machine an answer may come too late
            return False
        return sum(ends.values()) >= count and {number: done.get(number, 0) for number in ends} == ends

    if not wait_until(decided, timeout_s=PATIENCE):
        raise RuntimeError(f"it did not come to its end; the logs are in {line.folder}")
    for process in line.running.values():
        process.stop()
    times = [one.at for one in read_whole(line.kafka.properties, line.names.scores, PARTITIONS)]
    return Cold((max(times) - min(times)) / 1000, datetime.now(UTC).isoformat(), dict(_live(line.kafka, line)))


def _live(kafka: KafkaAddress, line: Pipeline) -> Iterable[tuple[tuple[str, str, int], dict[str, Any]]]:
    for one in read_whole(kafka.properties, line.names.decisions, PARTITIONS):
        yield _keyed(one.value)


def _keyed(value: bytes | str) -> tuple[tuple[str, str, int], dict[str, Any]]:
    record = json.loads(value)
    del record["timings"]["decided_at"]
    return (record["parent_id"], record["window"], record["revision"]), record


def _replayed(line: Pipeline, out: Path, cold: Cold, heads: Path | None) -> Again:
    settings = line.settings.model_copy(update={"kafka": line.kafka.bootstrap, "data_dir": out})
    settings = Settings.load(**{**settings.model_dump(exclude={"redis"}), "redis": line.redis_url})
    began = time.monotonic()
    run = replay(settings, ReplayOptions(begin="1w", end=cold.ended, out=out, heads=heads, device="cpu"), _Silent())
    seconds = time.monotonic() - began
    again = {key: (record, row.wall_clock) for row in run.rows() for key, record in [_keyed(row.decision)]}
    missing = len(cold.decisions.keys() ^ again.keys())
    other = sum(
        not by_clock and key in cold.decisions and cold.decisions[key] != record
        for key, (record, by_clock) in again.items()
    )
    return Again(run, seconds, missing + other)


def _ends(line: Pipeline) -> dict[tuple[str, int], int]:
    """Return the end offset of every partition of every live topic."""
    admin = clients.admin(line.kafka.properties)
    found: dict[tuple[str, int], int] = {}
    for name, topic in admin.list_topics(timeout=30).topics.items():
        if name.startswith(line.names.prefix):
            found |= {(name, number): end for number, end in offsets.ends(admin, name, topic.partitions).items()}
    return found


def _same(one: Again, other: Again) -> bool:
    return (one.run.path / DECISIONS_FILE).read_bytes() == (other.run.path / DECISIONS_FILE).read_bytes()


def _figures(cold: Cold, warm: Again, alone: Again, same: bool, changed: int) -> list[Figure]:
    counts = warm.run.record.counts
    count = counts.rescored
    faster, fastest = cold.seconds / warm.seconds, cold.seconds / alone.seconds
    clock = f"{counts.wall_clock} windows by the wall clock are left aside"
    return [
        Figure("cold run", count / cold.seconds, "items/s", f"{cold.seconds:.1f} s, a worker with an empty cache"),
        Figure(
            "warm replay with the head", count / warm.seconds, "items/s", f"{warm.seconds:.1f} s, the whole command"
        ),
        Figure("warm replay / cold run", faster, "ratio", "", f">= {WARM_GOAL}", faster >= WARM_GOAL),
        Figure("warm replay: encoder calls", counts.encoded, "items", "", "0", counts.encoded == 0),
        Figure("warm replay: cache hits", counts.from_cache, "items", f"of {count}", "all", counts.from_cache == count),
        Figure("warm replay: other decisions", warm.differing, "decisions", clock, "0", warm.differing == 0),
        Figure("policy alone", count / alone.seconds, "items/s", f"{alone.seconds:.2f} s, the whole command"),
        Figure("policy alone / cold run", fastest, "ratio", "", f">= {POLICY_GOAL}", fastest >= POLICY_GOAL),
        Figure("policy alone: other decisions", alone.differing, "decisions", clock, "0", alone.differing == 0),
        Figure("two replays differ", float(not same), "files", "decisions.parquet, byte by byte", "0", same),
        Figure("live topics that have changed", changed, "partitions", "by their end offsets", "0", changed == 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
