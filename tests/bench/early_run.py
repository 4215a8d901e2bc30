"""One run of `make bench-early`: a real worker and a real decider on a real Kafka, with an empty cache."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.brokers.ladder import KafkaAddress, open_redis
from deploy.brokers.waiting import wait_until
from deploy.demo.outcome import Outcome
from deploy.settings import Settings
from schemas.items import RawItem
from schemas.policy import Policy
from schemas.scores import SCORE_RECORD, ItemScored
from streams import groupoffsets, offsets
from streams.publisher import Publisher
from tests.bench.early_material import interleaved
from tests.bench.early_oracle import Foreseen, policy, verified
from tests.chaos.reading import read_whole
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline

FOLDER = Path("out/bench/early")
PATIENCE = 1_800.0  # s a run may take


@dataclass(frozen=True, slots=True)
class Ran:
    """What a pipeline did."""

    encoder_calls: int  # by the worker's own count
    changed: Sequence[str]
    early: int
    delay_ms: float  # from the score that settles an action to its decision, the median
    seconds: float


class Trial:
    """One run of a worker and a decider, on topics and a cache of its own."""

    def __init__(self, kafka: KafkaAddress, method: str, at_once: int, batch: int) -> None:
        """Name the run: clips that arrive at a time, and items in the worker's batches."""
        self._kafka = kafka
        self._admin = AdminClient({**kafka.properties, "log_level": 3})
        self._at_once = at_once
        self._batch = batch
        self._rule = policy(method, early=True)
        self._folder = FOLDER / f"{method}-{at_once}-{int(time.time())}"

    def run(self, warm_up: Sequence[RawItem], material: Mapping[str, list[RawItem]], foreseen: Foreseen) -> Ran:
        """Publish everything, then let worker and decider do their work.

        One bad clip goes before and is not counted: a worker lets parents take turns from the first early decision on.
        """
        self._folder.mkdir(parents=True)
        local = Settings.load().model_copy(update={"redis": None})  # nobody else's cache is asked, or filled
        with (
            open_redis(local, self._folder / "valkey") as redis,
            pipeline(self._kafka, redis, self._folder) as line,
        ):
            publisher = line.publisher()
            line.start("decide-0", "decide", "--policy", str(_written(self._rule, self._folder)))
            line.start("score-0", "score", "--device", "cpu", "--batch-size", str(self._batch))
            _publish(publisher, warm_up)
            self._await(line, len(warm_up))
            started = time.monotonic()
            _publish(publisher, interleaved(list(material.values()), self._at_once))
            self._await(line, len(warm_up) + foreseen.items)
            seconds = time.monotonic() - started
            outcome = line.outcome({parent: len(ones) for parent, ones in material.items()})
            delay = _delay_ms(line, outcome)
            spent = _uncached(line, warm_up[0].envelope.parent_id)
        if not outcome.sound or outcome.dead_letters:
            raise RuntimeError(f"lost {outcome.lost}, twice {outcome.duplicated}, dead letters {outcome.dead_letters}")
        decided = [one for one in outcome.decisions if one.parent_id in material]
        return Ran(
            encoder_calls=_encoder_calls(self._folder) - spent,
            changed=verified(decided, foreseen.actions),
            early=sum(one.cause == "early" for one in decided),
            delay_ms=delay,
            seconds=seconds,
        )

    def _await(self, line: Pipeline, answers: int) -> None:
        """Wait until so many items are answered in all, and every answer is applied."""

        def applied() -> bool:
            for name, process in line.running.items():
                if process.wait(0.2) is not None:
                    raise RuntimeError(f"{name} has ended; its log is in {self._folder}")
            try:
                ends = offsets.ends(self._admin, line.names.scores, range(PARTITIONS))
                done = groupoffsets.committed(
                    self._kafka.properties, line.settings.decide_group, line.names.scores, ends
                )
            except KafkaException:  # on a busy machine an answer may come too late
                return False
            return sum(ends.values()) >= answers and {number: done.get(number, 0) for number in ends} == ends

        if not wait_until(applied, timeout_s=PATIENCE):
            raise RuntimeError(f"it did not come to its end; the logs are in {self._folder}")


def _publish(publisher: Publisher, wanted: Iterable[RawItem]) -> None:
    for item in wanted:
        publisher.item(item)
    publisher.flush()


def _uncached(line: Pipeline, parent: str) -> int:
    """Return how many items of a parent an encoder embedded, by the records on `scores`."""
    records = read_whole(line.kafka.properties, line.names.scores, PARTITIONS)
    own = [SCORE_RECORD.validate_json(one.value) for one in records if one.key == parent.encode()]
    return sum(isinstance(record, ItemScored) and not record.cached for record in own)


def _written(rule: Policy, folder: Path) -> Path:
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(rule.model_dump(mode="json")), encoding="utf-8")
    return path


def _encoder_calls(folder: Path) -> int:
    """Return what the worker said when it ended."""
    (log,) = folder.glob("score-0-*.log")
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return int(next(line["encoder_calls"] for line in lines if line.get("message") == "counts"))


def _delay_ms(line: Pipeline, outcome: Outcome) -> float:
    """Return how long a decision took from the score that settled it, by the brokers' append times: the median."""
    properties, names = line.kafka.properties, line.names
    settled = {(one.partition, one.offset): one.at for one in read_whole(properties, names.scores, PARTITIONS)}
    decided = {one.key.decode(): one.at for one in read_whole(properties, names.decisions, PARTITIONS)}
    early = [one for one in outcome.decisions if one.cause == "early"]
    return statistics.median(decided[one.parent_id] - settled[one.partition, one.through_offset] for one in early)
