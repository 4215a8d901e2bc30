"""Runs the main job once: publishes parents, has them scored and decided, and reads what came out."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import msgspec

from deploy import policyfiles
from deploy.brokers.ladder import KafkaAddress, open_kafka, open_redis
from deploy.demo.fleet import Fleet
from deploy.demo.outcome import Outcome, read_outcome
from deploy.errors import SluiceError
from deploy.publishing import Progress, Published, flush, open_publisher, publish_parent
from deploy.report import Report, read_report
from deploy.settings import Settings
from deploy.topicset import TopicSet
from streams import clients
from streams.history import Follower
from streams.publisher import OversizedError
from streams.topics import TopicNames
from workers.sources import Parent, SourceError, UnsupportedFileError

DECIDERS = 2
_PATIENCE_S = 180.0  # without one more decision


class DemoError(SluiceError):
    """The demo did not come to its end, or its outcome is wrong."""

    exit_code = 11


class Watcher(Progress, Protocol):
    """Told how the run goes on."""

    def stage(self, text: str) -> None:
        """A new stage begins."""

    def decided(self, count: int, parents: int) -> None:
        """So many of the published parents are decided."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run published and what came out."""

    published: Published
    outcome: Outcome
    report: Report
    seconds: float
    first_decision_seconds: float
    topic_prefix: str


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is set up."""

    folder: Path
    policy: Path = policyfiles.DEMO
    fresh: bool = False
    device: str = "auto"
    medical_thumbnails: bool = False


def run(settings: Settings, options: RunOptions, parents: Iterable[Callable[[], Parent]], watcher: Watcher) -> Run:
    """Run the main job once, on topics of its own.

    Args:
        settings: which brokers; local ones keep their data under the run's folder.
        options: where, under which policy.
        parents: each opens a parent when it is its turn.
        watcher: told how it goes on.

    Raises:
        DemoError: some parents were not decided.
        SluiceError: a broker, a process or the publishing failed.
    """
    started = time.monotonic()
    settings = _own_topics(settings)
    with ExitStack() as stack:
        watcher.stage("starting Kafka and Valkey")
        kafka, redis_url = _brokers(stack, settings, options)
        TopicSet(clients.admin(kafka.properties), settings).create()
        fleet = stack.enter_context(_fleet(settings, options, kafka, redis_url))
        watcher.stage("publishing")
        published = _publish(settings, kafka, parents, watcher)
        watcher.stage("scoring and deciding")
        first = _wait(settings, kafka, published, fleet, watcher)
        fleet.stop()  # so that what follows reads topics that nobody writes to any more
        watcher.stage("reading the topics")
        names = TopicNames(settings.topic_prefix)
        outcome = read_outcome(kafka.properties, names, settings.partitions, published.parents)
        seconds = time.monotonic() - started
        medical = options.medical_thumbnails
        report = read_report(kafka.properties, names, settings.partitions, medical=medical)
        return Run(published, outcome, report, seconds, first - started, settings.topic_prefix)


def _own_topics(settings: Settings) -> Settings:
    """Return the settings with topics and groups that no other run has."""
    name = f"demo-{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:4]}"
    return settings.model_copy(
        update={"topic_prefix": f"{name}.", "score_group": f"{name}-score", "decide_group": f"{name}-decide"}
    )


def _brokers(stack: ExitStack, settings: Settings, options: RunOptions) -> tuple[KafkaAddress, str]:
    """Open the brokers. Topics are new in each run; the cache is kept, unless a fresh one was asked for."""
    kafka_folder, valkey_folder = options.folder / "kafka", options.folder / "valkey"
    shutil.rmtree(kafka_folder, ignore_errors=True)
    if options.fresh:
        shutil.rmtree(valkey_folder, ignore_errors=True)
    redis = stack.enter_context(open_redis(settings, valkey_folder))
    kafka = stack.enter_context(open_kafka(settings, kafka_folder))
    return kafka, redis.url


@contextmanager
def _fleet(settings: Settings, options: RunOptions, kafka: KafkaAddress, redis_url: str) -> Iterator[Fleet]:
    fleet = Fleet(
        options.folder / "logs",
        {
            "SLUICE_KAFKA": kafka.bootstrap,
            "SLUICE_REDIS": redis_url,
            "SLUICE_TOPIC_PREFIX": settings.topic_prefix,
            "SLUICE_PARTITIONS": str(settings.partitions),
            "SLUICE_SCORE_GROUP": settings.score_group,
            "SLUICE_DECIDE_GROUP": settings.decide_group,
            # as many canaries as items would double the time of so short a run
            "SLUICE_CANARY_SECONDS": os.environ.get("SLUICE_CANARY_SECONDS", "0"),
        },
    )
    try:
        fleet.start("score-0", "score", "--device", options.device, "--policy", str(options.policy))
        for number in range(DECIDERS):
            fleet.start(f"decide-{number}", "decide", "--policy", str(options.policy))
        yield fleet
    finally:
        fleet.stop()


def _publish(
    settings: Settings, kafka: KafkaAddress, parents: Iterable[Callable[[], Parent]], watcher: Watcher
) -> Published:
    publisher = open_publisher(kafka.properties, settings)
    published = Published()
    for opened in parents:
        try:
            publish_parent(opened(), publisher, published, watcher)
        except (SourceError, UnsupportedFileError, OversizedError) as error:
            published.problems.append(str(error))
    flush(publisher)
    publisher.close()
    return published


class _JustParent(msgspec.Struct):
    parent_id: str


def _wait(settings: Settings, kafka: KafkaAddress, published: Published, fleet: Fleet, watcher: Watcher) -> float:
    """Wait until every published parent is decided; return when the first one was (monotonic seconds)."""
    waiting = {parent for parent, items in published.parents.items() if items}
    total, first, last = len(waiting), 0.0, time.monotonic()
    follower = Follower(kafka.properties, [TopicNames(settings.topic_prefix).decisions], settings.partitions)
    decoder = msgspec.json.Decoder(_JustParent)
    try:
        while waiting:
            for message in follower.poll(0.5):
                waiting.discard(decoder.decode(message.value() or b"").parent_id)
                last = time.monotonic()
                first = first or last
            watcher.decided(total - len(waiting), total)
            fleet.check()
            if time.monotonic() - last > _PATIENCE_S:
                names = ", ".join(sorted(waiting)[:5])
                raise DemoError(
                    f"{len(waiting)} of {total} parents have no decision, and none came for {_PATIENCE_S:.0f} s:"
                    f" {names}. The log files are in {fleet.log('score-0').parent}"
                )
    finally:
        follower.close()
    return first
