"""The one place that decides which Kafka and which Redis are used: the user's own, local ones, or ones in containers.

Unset starts a local one in the caller's folder; `container` starts one in a container, which keeps nothing; an address
is used as it is, after it has answered once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.brokers.container import container_kafka, container_valkey
from deploy.brokers.kafka import local_kafka
from deploy.brokers.valkey import local_valkey
from deploy.errors import ConfigurationError, UnreachableError
from deploy.settings import CONTAINER, Settings, redacted, redacted_url

Origin = Literal["given", "local", "container"]

_ANSWER_S: Final = 10.0
_SECURITY: Final = ("security.", "sasl.", "ssl.", "enable.ssl.")


@dataclass(frozen=True)
class KafkaAddress:
    """How to reach Kafka. `properties` is what a librdkafka client needs, `bootstrap.servers` included."""

    bootstrap: str
    properties: Mapping[str, str] = field(repr=False)  # may hold secrets
    origin: Origin
    pid: int | None = None  # of the local one
    log: Path | None = None


@dataclass(frozen=True)
class RedisAddress:
    """How to reach Redis."""

    url: str = field(repr=False)  # may hold a password
    origin: Origin
    pid: int | None = None
    log: Path | None = None

    @property
    def shown(self) -> str:
        """The address as it may be logged."""
        return redacted_url(self.url)


@contextlib.contextmanager
def open_kafka(settings: Settings, folder: Path) -> Iterator[KafkaAddress]:
    """Give the Kafka of the settings, or run one in a container or in the folder while the context lasts.

    Raises:
        ConfigurationError: security settings are there, but no address.
        UnreachableError: the given Kafka does not answer, or no container engine does.
        BrokerError: the own one cannot be started, see `local_kafka` and `container_kafka`.
        MissingPartError: the packages of the extra `local` or `container` are not installed.
    """
    if settings.kafka == CONTAINER:
        _refuse_security(settings)
        with container_kafka(settings.kafka_image) as bootstrap:
            yield KafkaAddress(bootstrap, _properties(settings, bootstrap), "container")
    elif settings.kafka is not None:
        properties = _properties(settings, settings.kafka)
        cluster_of(properties, timeout_s=_ANSWER_S)
        yield KafkaAddress(settings.kafka, properties, "given")
    else:
        _refuse_security(settings)
        with local_kafka(folder) as node:
            yield KafkaAddress(node.bootstrap, _properties(settings, node.bootstrap), "local", node.pid, node.log)


@contextlib.contextmanager
def open_redis(settings: Settings, folder: Path) -> Iterator[RedisAddress]:
    """Give the Redis of the settings, or run a Valkey in a container or in the folder while the context lasts.

    Raises:
        UnreachableError: the given Redis does not answer, or no container engine does.
        BrokerError: the own one cannot be started, see `local_valkey` and `container_valkey`.
        MissingPartError: the packages of the extra `local` or `container` are not installed.
    """
    url = settings.redis_url
    if settings.redis_in_container:
        with container_valkey(settings.redis_image) as own:
            yield RedisAddress(own, "container")
    elif url is not None:
        redis_version(url, timeout_s=_ANSWER_S)
        yield RedisAddress(url, "given")
    else:
        with local_valkey(folder) as server:
            yield RedisAddress(server.url, "local", server.pid, server.log)


@dataclass(frozen=True)
class Cluster:
    """What a Kafka says of itself. Its protocol does not tell its version."""

    id: str
    brokers: tuple[str, ...]


def cluster_of(properties: Mapping[str, str], *, timeout_s: float = _ANSWER_S) -> Cluster:
    """Ask a Kafka who it is.

    Args:
        properties: of librdkafka, `bootstrap.servers` included.
        timeout_s: how long to wait for an answer, in seconds.

    Raises:
        ConfigurationError: librdkafka refuses a property.
        UnreachableError: no answer.
    """
    errors: list[str] = []
    quiet: dict[str, Any] = {"log_level": 0, "error_cb": lambda error: errors.append(str(error.str()))}
    try:
        admin = AdminClient({**properties, **quiet})
    except KafkaException as error:
        raise ConfigurationError(
            f"Kafka's client refuses its settings {redacted(properties)}: {error.args[0].str()}. "
            "Mend the SLUICE_KAFKA__... variable of that name, or SLUICE_KAFKA_PROPERTIES."
        ) from None
    with admin:
        try:
            metadata = admin.list_topics(timeout=timeout_s)
        except KafkaException as error:
            admin.poll(0)  # lets librdkafka say why
            reason = errors[0] if errors else error.args[0].str()
            raise UnreachableError(
                f"Kafka at {properties['bootstrap.servers']} does not answer: {reason}. Check SLUICE_KAFKA and its "
                "security settings (SLUICE_KAFKA__...), or unset it for a local Apache Kafka."
            ) from None
    brokers = tuple(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())
    return Cluster(str(metadata.cluster_id), brokers)


def redis_version(url: str, *, timeout_s: float = _ANSWER_S) -> str:
    """Ask a Redis for its name and version.

    Args:
        url: its address.
        timeout_s: how long to wait for an answer, in seconds.

    Raises:
        UnreachableError: no answer.
    """
    try:
        with contextlib.closing(
            redis.Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
        ) as client:
            server = client.info("server")
    except (redis.RedisError, ValueError) as error:
        raise UnreachableError(
            f"Redis at {redacted_url(url)} does not answer: {str(error).rstrip('.')}. "
            "Check SLUICE_REDIS, or unset it for a local Valkey."
        ) from None
    if not isinstance(server, dict):
        raise UnreachableError(f"{redacted_url(url)} does not answer as a Redis does. Check SLUICE_REDIS.")
    name, version = str(server.get("server_name", "redis")), f"{server.get('redis_version')}"
    return f"{name} {server.get('valkey_version', version)}"


def _properties(settings: Settings, bootstrap: str) -> dict[str, str]:
    return {**settings.kafka_properties, "bootstrap.servers": bootstrap}


def _refuse_security(settings: Settings) -> None:
    named = sorted(name for name in settings.kafka_properties if name.startswith(_SECURITY))
    if named:
        raise ConfigurationError(
            f"{', '.join(named)}: set, but the local Kafka speaks plain text on this machine only, in a container "
            "too. "
            "Set SLUICE_KAFKA to the address they belong to, or unset them."
        )
