"""The wiring of `sluice decide`: the exactly-once loop of streams, with the gates of aggregation."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from confluent_kafka import KafkaException

from aggregation import UnknownPolicyError
from deploy import policyfiles
from deploy.brokers.ladder import open_kafka
from deploy.errors import SluiceError
from deploy.metrics.decide import DecideMetrics
from deploy.policy.book import NewerPolicyError
from deploy.policy.finder import PolicyFinder
from deploy.policy.gates import GateMaker
from deploy.process import opened, refused_properties
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.checkpoint import UnreadableCheckpointError
from schemas.policy import Policy
from streams import clients
from streams.exactlyonce import DecideLoop
from streams.gates import DecideSettings, Notify
from streams.policies import DocumentReader
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
        DeciderError: the partition count was changed, the committed offsets are not ours, the policy that windows were
            opened under is gone or cannot be read, or Kafka refused for good.
    """
    policy = policyfiles.load(policy_path)
    with (
        opened(settings, "decide") as process,
        open_kafka(settings, settings.data_dir / "kafka") as kafka,
        refused_properties(kafka.properties),
    ):
        metrics = DecideMetrics(process.metrics.registry, policy.reference)
        properties = kafka.properties
        TopicSet(clients.admin(properties), settings).verify()
        names, notify = TopicNames(settings.topic_prefix), process.metrics.counting(metrics.note, process.log)
        finder = PolicyFinder(DocumentReader(properties, names.policies))
        share = settings.decide_mebibytes * 1024 * 1024 // settings.partitions
        gates = GateMaker(policy, finder, notify, most_bytes=share)
        loop = DecideLoop(
            properties,
            DecideSettings(
                names=names,
                partitions=settings.partitions,
                group=settings.decide_group,
                score_group=settings.score_group,
                transactional_id=f"{settings.decide_group}-{settings.instance or _unstable_name()}",
            ),
            make_gate=lambda partition, start_at: metrics.watch(partition, gates.make(partition, start_at)),
            notify=notify,
        )
        process.health.watch(loop)
        _collect_garbage_rarely()
        try:
            _compare(policy, finder, notify)
            loop.run(stopped)
        except (PartitionCountError, UnreadableCheckpointError, NewerPolicyError) as error:
            raise DeciderError(str(error)) from error
        except UnknownPolicyError as error:
            raise DeciderError(
                f"{error} on {names.policies}, and windows are open under it. Publish the same document again"
                " (sluice policy publish): nothing was committed, and the next start goes on from here"
            ) from error
        except clients.PropertiesError:
            raise
        except KafkaException as error:
            raise DeciderError(f"Kafka refused for good: {error.args[0]}") from error


def _compare(own: Policy, finder: PolicyFinder, notify: Notify) -> None:
    """Tell where the topic has another document under the name and version of the decider's own policy."""
    try:
        published = finder.find(own.name, own.version, "")
    except (KafkaException, NewerPolicyError):  # it is no hurry, and not what is in force
        return
    if published is not None and published.model_dump() != own.model_dump():
        notify("policy_differs", policy=own.reference, own=own.digest(), published=published.digest())


def _collect_garbage_rarely() -> None:
    """Look for cycles less often: open windows make none, and each look walks through all of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _unstable_name() -> str:
    """Return a name for a replica that was given none: its open transaction waits for its time-out after a crash."""
    return f"{socket.gethostname()}-{uuid4().hex[:8]}"
