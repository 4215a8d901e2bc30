"""Kafka, Valkey, workers and deciders on this machine, until told to stop."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy import policyfiles
from deploy.brokers.ladder import KafkaAddress, open_kafka, open_redis
from deploy.demo.fleet import Fleet
from deploy.policy.publication import PolicyDesk
from deploy.settings import Settings
from deploy.topicset import TopicSet
from streams import clients
from streams.topics import TopicNames

ENV: Final = "env"
_LOOK_EVERY: Final = 0.5  # s


@dataclass(frozen=True, slots=True)
class Asked:
    """What runs beside the brokers."""

    policy: Path | None = None
    workers: int = 1
    deciders: int = 1
    device: str = "auto"


def run(settings: Settings, asked: Asked, stopped: Callable[[], bool], say: Callable[[str], None]) -> None:
    """Run everything until told to stop.

    Args:
        settings: the brokers, or local ones in the data folder.
        asked: what runs beside them.
        stopped: tells when to end.
        say: told how to reach it.

    Raises:
        SluiceError: a broker or a process cannot be started, or has ended.
    """
    folder = settings.data_dir
    with (
        open_redis(settings, folder / "valkey") as redis,
        open_kafka(settings, folder / "kafka") as kafka,
    ):
        TopicSet(clients.admin(kafka.properties), settings).create()
        _activate_one(kafka, settings, asked.policy)
        found = {
            "SLUICE_KAFKA": kafka.bootstrap,
            "SLUICE_REDIS": redis.url,
            "SLUICE_TOPIC_PREFIX": settings.topic_prefix,
            "SLUICE_PARTITIONS": str(settings.partitions),
            "SLUICE_DATA_DIR": str(folder.resolve()),
        }
        place = folder / ENV
        place.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in found.items()))
        fleet = Fleet(folder / "logs", found)
        try:
            _start(fleet, asked)
            say(f"running; in another terminal: . {place}   (logs: {folder / 'logs'}; Ctrl-C ends it)")
            while not stopped():
                fleet.check()
                time.sleep(_LOOK_EVERY)
        finally:
            fleet.stop()
            place.unlink(missing_ok=True)


def _activate_one(kafka: KafkaAddress, settings: Settings, policy: Path | None) -> None:
    """Publish the policy where none is active, so that there is one to diff, to promote from and to go back to."""
    desk = PolicyDesk(kafka.properties, TopicNames(settings.topic_prefix), settings.partitions)
    if desk.book().active is None:
        desk.publish(policyfiles.load(policy), note="sluice local")


def _start(fleet: Fleet, asked: Asked) -> None:
    policy = ("--policy", str(asked.policy)) if asked.policy else ()
    for number in range(asked.workers):
        fleet.start(f"score-{number}", "score", "--device", asked.device, "--follow-releases", *policy)
    for number in range(asked.deciders):
        fleet.start(f"decide-{number}", "decide", *policy)
