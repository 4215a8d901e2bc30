"""A replay from beginning to end: plan it or go on with it, let processes work on it, put the result together."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event
from typing import Protocol

from confluent_kafka import KafkaException
from pydantic import SecretStr

from deploy.brokers.ladder import open_kafka, open_redis
from deploy.errors import BrokerError
from deploy.replay import plan
from deploy.replay.desk import Desk
from deploy.replay.finishing import finish
from deploy.replay.folder import Run, open_run
from deploy.replay.options import ReplayOptions
from deploy.replay.processes import work_together
from deploy.replay.starting import planned
from deploy.replay.writing import alone
from deploy.settings import Settings
from deploy.topicset import TopicSet
from streams import clients

_LOOK = 0.2  # s


class Watcher(Protocol):
    """Told how a replay goes on."""

    def planned(self, run: Run, *, resumed: bool) -> None:
        """What is read is known; or it was known from before, and the replay goes on."""

    def advance(self, stage: str, records: int) -> None:
        """So many further records are `scoring` or `deciding`."""


def replay(settings: Settings, options: ReplayOptions, watcher: Watcher) -> Run:
    """Make a replay, or go on with one that was not finished.

    Raises:
        ReplayError: it cannot be made; the text says what to do.
        ConfigurationError: an option is wrong.
        TopicsError: the topics are missing or not as they must be.
        BrokerError: Kafka or the cache cannot be used.
    """
    with ExitStack() as stack:
        kafka = stack.enter_context(open_kafka(settings, settings.data_dir / "kafka"))
        addresses: dict[str, object] = {"kafka": kafka.bootstrap}
        if options.heads is not None:
            cache = stack.enter_context(open_redis(settings, settings.data_dir / "valkey"))
            addresses["redis"] = SecretStr(cache.url)
        TopicSet(clients.admin(kafka.properties), settings).verify()
        desk = Desk(settings.model_copy(update=addresses), options, kafka.properties)
        try:
            return _replayed(desk, watcher)
        except KafkaException as error:
            raise BrokerError(
                f"Kafka did not let the replay go on: {error.args[0]}. The same command goes on with it"
            ) from error


def _replayed(desk: Desk, watcher: Watcher) -> Run:
    desk.check_topics()  # before anything is read or written
    using = desk.using()
    run, resumed = planned(desk, plan.wanted(desk.settings, desk.options, using))
    watcher.planned(run, resumed=resumed)
    if run.record.complete:
        return run
    if desk.options.workers > 1:
        work_together(desk, run, watcher.advance)
    else:
        desk.job(run, using, watcher.advance).work()
    return _finished(run, pinned=using.pinned is not None)


def _finished(run: Run, *, pinned: bool) -> Run:
    """Put the result together, unless another process does."""
    while True:
        with alone(run.path / ".lock-run") as mine:
            found = open_run(run.path, complete=False)
            if found.record.complete:
                return found
            if mine:
                return Run(run.path, finish(run.path, found.record, pinned=pinned))
        Event().wait(_LOOK)
