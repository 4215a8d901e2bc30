"""The wiring of released heads into `sluice score`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from deploy.brokers.ladder import KafkaAddress
from deploy.canaries import Watch
from deploy.errors import ConfigurationError
from deploy.metrics.releases import ReleaseMetrics
from deploy.process import Process
from deploy.promotion.links import HeadLinks
from deploy.promotion.takeover import HeadLoader, followed_releases
from streams.work import ItemWorker
from workers.heads import HeadError


def linked_heads(stack: ExitStack, own: Path) -> HeadLinks:
    """Return links to a worker's own heads, which go when the stack is closed.

    Raises:
        ConfigurationError: the manifest of a head cannot be read.
    """
    try:
        links = HeadLinks(own)
    except HeadError as error:
        raise ConfigurationError(str(error)) from error
    stack.callback(links.close)
    return links


def worker_that_follows(
    stack: ExitStack, worker: ItemWorker, watch: Watch, loader: HeadLoader, *, kafka: KafkaAddress, process: Process
) -> ItemWorker:
    """Return a worker that goes over to heads as they are released, until the stack is closed.

    Raises:
        BrokerError: what is released could not be read.
    """
    notify = process.metrics.counting(process.log)
    replacing, status = stack.enter_context(followed_releases(worker, watch, loader, kafka.properties, notify))
    ReleaseMetrics(process.metrics.registry, status)
    return replacing
