"""The wiring of `sluice monitor`: the tables and the page, with faust's loop of streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import Message

from deploy.brokers.ladder import KafkaAddress
from deploy.errors import BrokerError, ConfigurationError
from deploy.metrics.monitor import MonitorMetrics
from deploy.monitor.monitor import Monitor
from deploy.monitor.once import new_monitor, readable_kafka, rebuilt
from deploy.monitor.page import page
from deploy.monitor.rebuild import Place
from deploy.process import opened
from deploy.settings import Settings
from schemas.alarms import Alarm
from streams import clients
from streams.faustsecurity import UnsupportedSecurityError
from streams.gates import Notify
from streams.topics import TopicNames
from streams.viewing import Following, ViewError

_FLUSH_S = 5.0


def run(settings: Settings, stopped: Callable[[], bool]) -> None:
    """Show what the deciders do until told to stop.

    Raises:
        ConfigurationError: a Kafka client refuses the properties, or the port cannot be used.
        TopicsError: the topics are missing or not as they must be.
        BrokerError: Kafka cannot be read.
    """
    monitor = new_monitor(settings)
    pages = {"/": page, "/monitor.json": monitor.page}
    served = settings.model_copy(update={"http_port": settings.http_port or 0})
    with opened(served, "monitor", pages) as process, readable_kafka(settings) as kafka:
        MonitorMetrics(process.metrics.registry, monitor)
        positions = rebuilt(monitor, kafka, settings, stopped)
        if positions is None:
            return
        process.log("rebuilt", **monitor.tables.tally())
        following = _following(monitor, kafka, positions)
        notify = process.metrics.counting(process.log)
        with _alarms_sent(kafka, TopicNames(settings.topic_prefix).alarms, notify) as tell:
            process.health.watch(following)
            try:
                following.run(lambda: _turn(monitor, tell), stopped)
            except ViewError as error:
                raise BrokerError(str(error)) from error


def _following(monitor: Monitor, kafka: KafkaAddress, positions: dict[Place, int]) -> Following:
    try:
        following = Following(kafka.properties, positions, monitor.take)
    except (UnsupportedSecurityError, OSError) as error:
        raise ConfigurationError(f"the monitor cannot log in to Kafka: {error}") from error
    monitor.lag = lambda: following.lag
    return following


def _turn(monitor: Monitor, tell: Callable[[list[Alarm]], None]) -> None:
    tell(monitor.judged())
    monitor.refresh()


@contextmanager
def _alarms_sent(kafka: KafkaAddress, topic: str, notify: Notify) -> Iterator[Callable[[list[Alarm]], None]]:
    """Give what sends alarms; it is to be called often, without any too."""
    producer = clients.producer(kafka.properties)

    def delivered(error: object, message: Message) -> None:
        if error is not None:  # a restart tells it again, since it is not on the topic
            notify("alarm_lost", key=message.key(), error=str(error))

    def tell(alarms: list[Alarm]) -> None:
        for one in alarms:
            notify(f"alarm_{one.state}", source=one.source, kind=one.kind, rate=one.rate, why=one.why)
            producer.produce(topic, key=one.source, value=one.to_json(), partition=0, on_delivery=delivered)
        producer.poll(0)

    try:
        yield tell
    finally:
        producer.flush(_FLUSH_S)
        producer.close()
