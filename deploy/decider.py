"""The wiring of `sluice decide`: the exactly-once loop of streams, with the gates of aggregation."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from confluent_kafka import KafkaException

from aggregation import PartitionGate
from deploy import policyfiles
from deploy.brokers.ladder import open_kafka
from deploy.errors import SluiceError
from deploy.metrics.decide import DecideMetrics
from deploy.process import opened, refused_properties
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.checkpoint import UnreadableCheckpointError
from streams import clients
from streams.exactlyonce import DecideLoop
from streams.gates import DecideSettings
from streams.recovery import PartitionCountError
from streams.topics import TopicNames


class DeciderError(SluiceError):
    """The decider cannot go on without a person."""

    exit_code = 6


def run(settings: Settings, policy_path: Path | None, stopped: Callable[[], bool]) -> None:
    """Decide until told to stop.

    Raises:
        ConfigurationError: the policy is wrong, or Kafka's client or the brokers refuse the properties.
        TopicsError: the topics are missing or not as they must be.
        DeciderError: the partition count was changed, the committed offsets are not ours, or Kafka refused for good.
    """
    policy = policyfiles.load(policy_path)
    with (
        opened(settings, "decide") as process,
        open_kafka(settings, settings.data_dir / "kafka") as kafka,
        refused_properties(kafka.properties),
    ):
        metrics = DecideMetrics(process.metrics.registry)
        properties = kafka.properties
        TopicSet(clients.admin(properties), settings).verify()
        loop = DecideLoop(
            properties,
            DecideSettings(
                names=TopicNames(settings.topic_prefix),
                partitions=settings.partitions,
                group=settings.decide_group,
                score_group=settings.score_group,
                transactional_id=f"{settings.decide_group}-{settings.instance or _unstable_name()}",
            ),
            make_gate=lambda partition, start_at: metrics.watch(partition, PartitionGate(partition, policy, start_at)),
            notify=process.metrics.counting(metrics.note, process.log),
        )
        process.health.watch(loop)
        _collect_garbage_rarely()
        try:
            loop.run(stopped)
        except (PartitionCountError, UnreadableCheckpointError) as error:
            raise DeciderError(str(error)) from error
        except clients.PropertiesError:
            raise
        except KafkaException as error:
            raise DeciderError(f"Kafka refused for good: {error.args[0]}") from error


def _collect_garbage_rarely() -> None:
    """Look for cycles less often: open windows make none, and each look walks through all of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _unstable_name() -> str:
    """Return a name for a replica that was given none: its open transaction waits for its time-out after a crash."""
    return f"{socket.gethostname()}-{uuid4().hex[:8]}"
