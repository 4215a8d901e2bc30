"""What every process that goes on until it is told to stop has: log lines, signals, health and metrics."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from deploy import logs
from deploy.cli.signals import stop_on_signals
from deploy.errors import ConfigurationError
from deploy.health import Health, Page, served
from deploy.metrics.base import Metrics
from deploy.settings import Settings, redacted
from streams import clients
from streams.gates import Notify


@dataclass(frozen=True, slots=True)
class Process:
    """What a loop is wired to."""

    health: Health
    metrics: Metrics
    log: Notify


def begin(settings: Settings, role: str, *, verbose: bool) -> Callable[[], bool]:
    """Send log lines to stderr and heed signals; return what tells whether to stop."""
    logs.configure(
        verbose=verbose,
        role=role,
        instance=_instance(settings),
        style=settings.log,
        secrets=settings.secret_values(),
    )
    return stop_on_signals(settings.grace_seconds)


@contextmanager
def opened(settings: Settings, role: str, pages: Mapping[str, Page] | None = None) -> Iterator[Process]:
    """Answer for health and metrics, and with further pages, until the block ends, where SLUICE_HTTP_PORT asks for it.

    Raises:
        ConfigurationError: the port cannot be used.
    """
    health, log = Health(), logs.notifier(role)
    metrics = Metrics(role, _instance(settings), health)
    with served(health, metrics.registry, settings.http_port, log, pages):
        yield Process(health, metrics, log)


@contextmanager
def refused_properties(properties: clients.Properties) -> Iterator[None]:
    """Turn a client's refusal of its properties, in the block, into words for the person who set them.

    Raises:
        ConfigurationError: a client, or the brokers, refuse the properties.
    """
    try:
        yield
    except clients.PropertiesError as error:
        raise ConfigurationError(
            f"Kafka's client cannot work with its settings {redacted(properties)}: {error.args[0].str()}. "
            "Mend the SLUICE_KAFKA__... variable that this is about (or SLUICE_KAFKA_PROPERTIES), or the rights of its "
            "user."
        ) from error


def _instance(settings: Settings) -> str:
    """Return the replica's name; one without a stable name is told by its machine and process id."""
    return settings.instance or f"{socket.gethostname()}-{os.getpid()}"
