"""The topics of one set-up: what each must be like, making them, and refusing a set-up that would break a promise."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from streams import offsets

_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE
_MIB = 1024 * 1024
MAX_ITEM_BYTES = 8 * _MIB
DEAD_LETTER_ROOM = 64 * 1024  # headers that a dead letter adds to its item
MAX_DEAD_LETTER_BYTES = MAX_ITEM_BYTES + DEAD_LETTER_ROOM + 4096  # for a producer, which counts what a batch adds
_RECOGNISED = 2 * _DAY  # for how long a decider recognises a decision: the longest late time, and what it remembers
_NOT_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
_TIMEOUT = 30.0


class TopicSetupError(Exception):
    """The topics are missing or wrong; the text says what and how to mend it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the topics are not as they must be:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The names of the topics, behind one prefix."""

    prefix: str = "sluice."

    @property
    def items(self) -> str:
        """Raw items, by producers."""
        return self.prefix + "items"

    @property
    def scores(self) -> str:
        """One answer an item, by workers."""
        return self.prefix + "scores"

    @property
    def dead_letters(self) -> str:
        """What could not be scored, whole, with its cause."""
        return self.prefix + "dead-letters"

    @property
    def decisions(self) -> str:
        """The log of all decisions; recovery reads it."""
        return self.prefix + "decisions"

    @property
    def latest(self) -> str:
        """The latest decision of each parent, compacted."""
        return self.prefix + "latest"

    @property
    def policies(self) -> str:
        """Every version of every policy, compacted, and which of them was activated when; one partition."""
        return self.prefix + "policies"

    @property
    def alarms(self) -> str:
        """Pass rates that left their expected band, and those that came back; one partition."""
        return self.prefix + "alarms"

    @property
    def releases(self) -> str:
        """Which head is in force for which kind, compacted; one partition."""
        return self.prefix + "releases"

    @property
    def audit(self) -> str:
        """Every promotion and rollback, kept for ever; one partition."""
        return self.prefix + "audit"

    @property
    def labels(self) -> str:
        """What people said of parents and items, kept for ever."""
        return self.prefix + "labels"

    def action(self, action: str) -> str:
        """Return the topic that an action's decisions are sent to."""
        return self.prefix + action


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic must be like. `fixed` settings carry a guarantee, `initial` ones are only a start."""

    name: str
    partitions: int
    fixed: dict[str, str]
    initial: dict[str, str]
    outlives: str | None = None  # the topic whose records this one's must outlive


def topic_set(
    names: TopicNames,
    partitions: int,
    *,
    retention_days: int = 7,
    actions: Iterable[str] = ("accept", "review", "reject"),
) -> list[TopicSpec]:
    """Return the specification of every topic.

    `decisions` is never compacted and outlives `scores`: a decision must be there as long as recovery can read one of
    its scores again.
    """
    retention = retention_days * _DAY
    segment = min(retention, _DAY)
    delete = {"cleanup.policy": "delete"}
    appended = {"message.timestamp.type": "LogAppendTime"}
    spans = {"retention.ms": str(retention), "segment.ms": str(segment)}
    outliving = {"retention.ms": str(_needed_retention(spans))}

    compacted = {"cleanup.policy": "compact"}

    def spec(name: str, fixed: dict[str, str], initial: dict[str, str], outlives: str | None = None) -> TopicSpec:
        return TopicSpec(name, partitions, fixed, initial, outlives)

    return [
        spec(names.items, delete | appended, spans | {"max.message.bytes": str(MAX_ITEM_BYTES)}),
        spec(names.scores, delete | appended, spans),
        spec(names.dead_letters, delete, spans | {"max.message.bytes": str(MAX_ITEM_BYTES + DEAD_LETTER_ROOM)}),
        spec(names.decisions, delete | appended | {"retention.bytes": "-1"}, outliving, names.scores),
        spec(names.latest, compacted, {}),
        *(spec(names.action(action), delete, spans) for action in actions),
        TopicSpec(names.policies, 1, compacted | appended, {}),
        TopicSpec(names.alarms, 1, delete, spans),
        spec(names.labels, delete | {"retention.ms": "-1", "retention.bytes": "-1"}, {}),
        TopicSpec(names.releases, 1, compacted | appended, {}),
        TopicSpec(names.audit, 1, delete | appended | {"retention.ms": "-1", "retention.bytes": "-1"}, {}),
    ]


def create(admin: AdminClient, specs: list[TopicSpec], *, replication: int = -1) -> list[str]:
    """Create the topics that are missing, then verify all of them.

    Args:
        admin: an admin client.
        specs: what the topics must be like.
        replication: replication factor; -1 takes the brokers' default.

    Returns:
        The names of the topics that were created.

    Raises:
        TopicSetupError: a topic that was there before is not as it must be.
        KafkaException: the brokers refused or did not answer.
    """
    new = [NewTopic(spec.name, spec.partitions, replication, config={**spec.initial, **spec.fixed}) for spec in specs]
    created = []
    for name, future in admin.create_topics(new, request_timeout=_TIMEOUT).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _await(admin, [spec for spec in specs if spec.name in created])
    verify(admin, specs)
    return created


def _await(admin: AdminClient, specs: list[TopicSpec]) -> None:
    """Wait until the brokers know the topics and lead their partitions: the controller answers before they do."""
    deadline = time.monotonic() + _TIMEOUT
    while not _served(admin, specs) and time.monotonic() < deadline:
        time.sleep(0.05)


def _served(admin: AdminClient, specs: list[TopicSpec]) -> bool:
    if not all(_partition_counts(admin, [spec.name for spec in specs]).values()):
        return False
    try:
        for spec in specs:
            offsets.ends(admin, spec.name, range(spec.partitions))
    except KafkaException as error:
        if error.args[0].code() not in _NOT_YET:
            raise
        return False
    return True


def verify(admin: AdminClient, specs: list[TopicSpec]) -> None:
    """Check that every topic is as it must be.

    Raises:
        TopicSetupError: with every problem and how to mend it.
        KafkaException: the brokers refused or did not answer.
    """
    counts = _partition_counts(admin, [spec.name for spec in specs])
    problems = _partition_problems(specs, counts)
    present = [spec for spec in specs if counts[spec.name]]
    settings = _settings(admin, [spec.name for spec in present])
    problems += [problem for spec in present for problem in _setting_problems(spec, settings[spec.name])]
    problems += _retention_problems(present, settings)
    if problems:
        raise TopicSetupError(problems)


def partition_count(admin: AdminClient, topic: str) -> int:
    """Return how many partitions a topic has; 0 where it does not exist."""
    return _partition_counts(admin, [topic])[topic]


def _partition_counts(admin: AdminClient, names: list[str]) -> dict[str, int]:
    counts = dict.fromkeys(names, 0)
    for name, future in admin.describe_topics(TopicCollection(names), request_timeout=_TIMEOUT).items():
        try:
            counts[name] = len(future.result().partitions)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    return counts


def _settings(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(resources, request_timeout=_TIMEOUT)
    return {
        resource.name: {key: str(entry.value) for key, entry in future.result().items()}
        for resource, future in answers.items()
    }


def _partition_problems(specs: list[TopicSpec], counts: dict[str, int]) -> list[str]:
    problems = []
    missing = [spec.name for spec in specs if counts[spec.name] == 0]
    if missing:
        problems.append(f"{', '.join(missing)}: not there. Create what is missing: sluice topics create")
    for found in sorted({counts[spec.name] for spec in specs} - {0}):
        wrong = [spec for spec in specs if counts[spec.name] == found != spec.partitions]
        if wrong:
            names = ", ".join(spec.name for spec in wrong)
            problems.append(
                f"{names}: {found} partitions instead of {wrong[0].partitions}. A parent's"
                " partition is murmur2(key) mod the count, so a changed count splits parents. If they were made with"
                f" {found}, set SLUICE_PARTITIONS={found}; to grow, make a new topic set (SLUICE_TOPIC_PREFIX) and"
                " drain this one"
            )
    return problems


def _setting_problems(spec: TopicSpec, found: dict[str, str]) -> list[str]:
    return [
        f"{spec.name} has {key}={found.get(key)}, not {value}. Mend it:"
        f" kafka-configs.sh --alter --topic {spec.name} --add-config {key}={value}"
        for key, value in spec.fixed.items()
        if found.get(key) != value
    ]


def _retention_problems(specs: list[TopicSpec], settings: dict[str, dict[str, str]]) -> list[str]:
    problems = []
    for spec in specs:
        if spec.outlives not in settings:
            continue
        kept = int(settings[spec.name]["retention.ms"])
        needed = _needed_retention(settings[spec.outlives])
        if kept >= 0 and (needed < 0 or kept < needed):
            problems.append(
                f"{spec.name} keeps decisions for {kept} ms, but recovery can read scores again for longer."
                f" Mend it: kafka-configs.sh --alter --topic {spec.name} --add-config retention.ms={needed}"
            )
    return problems


def _needed_retention(outlived: dict[str, str]) -> int:
    """Return how long (ms) a record must be kept to outlive every record of another topic; -1 is for ever."""
    retention = int(outlived["retention.ms"])
    return retention if retention < 0 else retention + int(outlived["segment.ms"]) + _RECOGNISED + 10 * _MINUTE
