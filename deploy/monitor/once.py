"""The view as the topics have it now: what `sluice monitor --json` prints, and what a started monitor begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaException

from deploy.brokers.ladder import KafkaAddress, open_kafka
from deploy.errors import BrokerError, SluiceError
from deploy.monitor import rebuild
from deploy.monitor.monitor import Monitor
from deploy.monitor.rebuild import Place
from deploy.process import refused_properties
from deploy.settings import Settings
from deploy.topicset import TopicSet
from streams import clients
from streams.topics import TopicNames


def once(settings: Settings, stopped: Callable[[], bool]) -> dict[str, Any]:
    """Return the tables as they are now; no alarm is raised.

    Raises:
        ConfigurationError: Kafka's client or the brokers refuse the properties.
        TopicsError: the topics are missing or not as they must be.
        BrokerError: Kafka cannot be read.
        SluiceError: it was told to stop first.
    """
    monitor = new_monitor(settings)
    with readable_kafka(settings) as kafka:
        if rebuilt(monitor, kafka, settings, stopped) is None:
            raise SluiceError("told to stop before everything was read")
    monitor.refresh()
    return monitor.figures or {}


def new_monitor(settings: Settings) -> Monitor:
    """Return a view without decisions, as the settings want it."""
    window_ms = round(settings.monitor_window_seconds * 1000)
    return Monitor(window_ms, settings.monitor_windows, settings.monitor_min_decisions)


@contextmanager
def readable_kafka(settings: Settings) -> Iterator[KafkaAddress]:
    """Give the Kafka of the settings, with its topics as they must be.

    Raises:
        ConfigurationError: Kafka's client or the brokers refuse the properties.
        TopicsError: the topics are missing or not as they must be.
        BrokerError: Kafka cannot be used, or the block came to grief over it.
    """
    with open_kafka(settings, settings.data_dir / "kafka") as kafka, refused_properties(kafka.properties):
        TopicSet(clients.admin(kafka.properties), settings).verify()
        try:
            yield kafka
        except clients.PropertiesError:
            raise
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the decisions be read: {error.args[0]}") from error


def rebuilt(
    monitor: Monitor, kafka: KafkaAddress, settings: Settings, stopped: Callable[[], bool]
) -> dict[Place, int] | None:
    """Read what the view shows; return where reading goes on, or None where it was told to stop.

    Raises:
        KafkaException: the brokers refused.
    """
    names, tables = TopicNames(settings.topic_prefix), monitor.tables
    for alarm in rebuild.alarms(kafka.properties, names):
        monitor.judge.learn(alarm)
    span = (tables.panes + 1) * tables.pane_ms
    positions = rebuild.begins(clients.admin(kafka.properties), names, settings.partitions, span)
    for found in rebuild.decisions(kafka.properties, dict(positions)):
        if stopped():
            return None
        monitor.take(found.place, found.value, found.at)
        positions[found.place] = found.offset + 1
    return positions
