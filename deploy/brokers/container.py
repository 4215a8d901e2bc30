"""A real Apache Kafka and a real Valkey in containers, for machines with a container engine.

testcontainers speaks to the engine of this machine and to nothing else; an image that is not there yet is pulled by the
engine, from the network. Ports are published on the loopback interface only. Nothing is kept: a container goes with its
context, and its data with it. Where this process is killed, testcontainers' reaper (a container of its own, whose port
the engine publishes as it does by default) removes it 10 s later, unless TESTCONTAINERS_RYUK_DISABLED is set.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.brokers.contained import Contained, Image
from deploy.brokers.engine import engine_version
from deploy.brokers.jars import KAFKA_VERSION
from deploy.brokers.kafka import SETTINGS, answers_as, new_cluster_id, quick_admin
from deploy.brokers.start import LOOPBACK, with_free_ports
from deploy.brokers.valkey import MEMORY_CAP

KAFKA_IMAGE: Final = f"apache/kafka:{KAFKA_VERSION}"
VALKEY_IMAGE: Final = "valkey/valkey:9.1.2"

_KAFKA_PORT: Final = 9092
_VALKEY_PORT: Final = 6379
_VALKEY_OPTIONS: Final = (
    *("--save", "", "--appendonly", "no"),  # it keeps nothing
    *("--protected-mode", "no"),  # what comes through the published port is not the container's own loopback
    *("--maxmemory", MEMORY_CAP, "--maxmemory-policy", "allkeys-lru"),
)


@contextlib.contextmanager
def container_kafka(image: str | None = None) -> Iterator[str]:
    """Run an Apache Kafka in a container while the context lasts.

    Args:
        image: another one than `KAFKA_IMAGE`, such as a mirror's; configured in the same way.

    Yields:
        Its address, host:port.

    Raises:
        MissingPartError: testcontainers is not installed.
        ConfigurationError: the container engine is on another machine.
        UnreachableError: no container engine answers.
        StartError: the image cannot be had, or the container did not come up; holds the end of its log.
        BrokerError: the container could not be removed.
    """
    cluster_id = new_cluster_id()

    def start(ports: list[int]) -> Contained:
        name = image or KAFKA_IMAGE
        running = Contained(Image(name, _KAFKA_PORT, kafka_environment(ports[0], cluster_id)), ports[0])
        with quick_admin(running.address) as admin:
            return running.start(lambda: answers_as(cluster_id, admin))

    engine_version()
    with with_free_ports(1, start) as running:
        yield running.address


@contextlib.contextmanager
def container_valkey(image: str | None = None) -> Iterator[str]:
    """Run a Valkey in a container while the context lasts.

    Args:
        image: another one than `VALKEY_IMAGE`, such as a mirror's, or one of Redis.

    Yields:
        Its address as a URL.

    Raises:
        MissingPartError: testcontainers is not installed.
        ConfigurationError: the container engine is on another machine.
        UnreachableError: no container engine answers.
        StartError: the image cannot be had, or the container did not come up; holds the end of its log.
        BrokerError: the container could not be removed.
    """

    def start(ports: list[int]) -> Contained:
        running = Contained(Image(image or VALKEY_IMAGE, _VALKEY_PORT, {}, _VALKEY_OPTIONS), ports[0])
        with contextlib.closing(_impatient_redis(ports[0])) as client:
            return running.start(lambda: _pings(client))

    engine_version()
    with with_free_ports(1, start) as running:
        yield f"redis://{running.address}/0"


def kafka_environment(port: int, cluster_id: str) -> dict[str, str]:
    """Return the settings of the local Kafka as the official image takes them.

    Two listeners, since the broker also calls itself by its advertised address (transaction markers come that way), and
    the published port is not there inside the container.

    Args:
        port: where clients on this machine reach it.
        cluster_id: 16 bytes as Kafka writes them.
    """
    properties = SETTINGS | {
        "listeners": f"PLAINTEXT://:{_KAFKA_PORT},BROKER://{LOOPBACK}:9093,CONTROLLER://{LOOPBACK}:9094",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port},BROKER://{LOOPBACK}:9093",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.quorum.voters": f"1@{LOOPBACK}:9094",
        "log.dirs": "/tmp/sluice",  # noqa: S108  inside the container, where its user may write
    }
    named = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in properties.items()}
    return named | {"CLUSTER_ID": cluster_id, "KAFKA_HEAP_OPTS": "-Xmx512m -Xms128m"}


def _impatient_redis(port: int) -> redis.Redis:
    return redis.Redis(host=LOOPBACK, port=port, socket_timeout=1.0, retry=Retry(NoBackoff(), 0))


def _pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
