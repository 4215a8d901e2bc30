"""The wiring of `sluice decide`: the exactly-once loop of streams, with the gates of aggregation."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from confluent_kafka import KafkaException

from aggregation import UnknownPolicyError
from deploy import policyfiles
from deploy.brokers.ladder import open_kafka
from deploy.errors import SluiceError
from deploy.experiments.pinned import PinnedFinder, pinned_policy
from deploy.experiments.shadows import ShadowDesk, shadow_group
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


@dataclass(frozen=True, slots=True)
class _Part:
    """What a decider plays: the live one, or one in a shadow."""

    names: TopicNames
    group: str
    policy: Policy
    finder: PolicyFinder


def run(settings: Settings, policy_path: Path | None, stopped: Callable[[], bool], shadow: str | None = None) -> None:
    """Decide until told to stop.

    Args:
        settings: name the brokers, the topics and the groups.
        policy_path: of the policy until one is activated; in a shadow, of the one that is tried.
        stopped: tells whether to stop.
        shadow: name of the shadow to decide in; None: live.

    Raises:
        ConfigurationError: the policy is wrong, or Kafka's client or the brokers refuse the properties.
        TopicsError: the topics are missing or not as they must be.
        DeciderError: the partition count was changed, the committed offsets are not ours, the policy that windows were
            opened under is gone or cannot be read, or Kafka refused for good.
        ExperimentError: there is no such shadow, or its topics are not as they must be.
    """
    policy = policyfiles.load(policy_path)
    with (
        opened(settings, "decide") as process,
        open_kafka(settings, settings.data_dir / "kafka") as kafka,
        refused_properties(kafka.properties),
        _failures(TopicNames(settings.topic_prefix)),
    ):
        properties = kafka.properties
        TopicSet(clients.admin(properties), settings).verify()
        part = _live(settings, properties, policy)
        if shadow is not None:
            part = _in_shadow(settings, properties, policy_path, shadow)
        metrics = DecideMetrics(process.metrics.registry, part.policy.reference)
        notify = process.metrics.counting(metrics.note, process.log)
        share = settings.decide_mebibytes * 1024 * 1024 // settings.partitions
        gates = GateMaker(part.policy, part.finder, notify, most_bytes=share)
        loop = DecideLoop(
            properties,
            DecideSettings(
                names=part.names,
                partitions=settings.partitions,
                group=part.group,
                score_group=settings.score_group,
                transactional_id=f"{part.group}-{settings.instance or _unstable_name()}",
            ),
            make_gate=lambda partition, start_at: metrics.watch(partition, gates.make(partition, start_at)),
            notify=notify,
        )
        process.health.watch(loop)
        _collect_garbage_rarely()
        if shadow is None:
            _compare(part.policy, part.finder, notify)
        else:
            notify("shadow", shadow=shadow, policy=part.policy.reference, scores=part.names.scores)
        loop.run(stopped)


def _live(settings: Settings, properties: clients.Properties, policy: Policy) -> _Part:
    names = TopicNames(settings.topic_prefix)
    return _Part(names, settings.decide_group, policy, PolicyFinder(DocumentReader(properties, names.policies)))


def _in_shadow(settings: Settings, properties: clients.Properties, policy_path: Path | None, shadow: str) -> _Part:
    names = ShadowDesk(properties, settings).open(shadow)
    policy = pinned_policy(DocumentReader(properties, names.policies), policy_path)
    return _Part(names, shadow_group(settings, shadow), policy, PinnedFinder(policy))


@contextmanager
def _failures(names: TopicNames) -> Iterator[None]:
    """Turn what ends a decider, in the block, into words for people."""
    try:
        yield
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
