"""Gathering what slices are made of: decisions, labels and metrics, from a replay's folder, a file and the topics.

Kafka is opened only where something is asked of it: a replay that was scored anew, with labels from a file, needs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException

from deploy.brokers.ladder import open_kafka
from deploy.errors import BrokerError
from deploy.labels.counting import Conflicts
from deploy.labels.files import read_file
from deploy.labels.rows import Defaults
from deploy.replay.folder import Run, open_run
from deploy.settings import Settings
from deploy.slices import measured, outcomes
from deploy.slices.measured import NOTHING, Bar, Measured
from deploy.slices.outcomes import Outcome
from deploy.slices.population import Origin, Population
from deploy.slices.truths import Truth, Truths, checked_probabilities, truths
from deploy.topicset import TopicSet
from schemas.labels import LabelGiven
from streams import clients
from streams.labelling import LabelLog
from streams.topics import TopicNames

_NOBODY: Final = "unnamed"  # who judged, where a file does not say


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be gathered.

    Attributes:
        replay: folder of a replay; None: what was decided live.
        labels: file of labels; None: the topic `labels`.
        labelled: labels are wanted at all.
        items: scores are to be read, for reasons, flags and metrics of items.
        names: metrics that are wanted of every window.
        all_metrics: every metric is wanted of windows with a label.
        equally: take all labels as drawn alike, whatever probability they give.
        conflicts: what becomes of parents on which people disagree.
        since, until: of when windows were closed, ms since 1970 of stream time.
    """

    replay: Path | None = None
    labels: Path | None = None
    labelled: bool = True
    items: bool = False
    names: frozenset[str] = frozenset()
    all_metrics: bool = False
    equally: bool = False
    conflicts: Conflicts = "majority"
    since: int | None = None
    until: int | None = None


@dataclass
class _Topics:
    """The topics, opened when they are first asked for."""

    settings: Settings
    _stack: ExitStack = field(default_factory=ExitStack)
    _properties: clients.Properties | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def properties(self) -> clients.Properties:
        if self._properties is None:
            kafka = self._stack.enter_context(open_kafka(self.settings, self.settings.data_dir / "kafka"))
            TopicSet(clients.admin(kafka.properties), self.settings).verify()
            self._properties = kafka.properties
        return self._properties

    @property
    def names(self) -> TopicNames:
        return TopicNames(self.settings.topic_prefix)


def gather(asked: Asked, bar: Bar) -> Population:
    """Read what slices are made of.

    Raises:
        ReplayError: there is no replay in the folder.
        LabelsError, ConfigurationError: the labels are wrong, or are not all with or without a probability.
        BrokerError: Kafka did not let the topics be read.
    """
    run = None if asked.replay is None else open_run(asked.replay)
    with _Topics(_settings(run)) as topics, _told():
        found, notices = _decided(asked, run, topics, bar)
        said = _truths(asked, found, topics)
        used = [said.by_window.get(one.key) for one in found]
        weighted, notice = (False, None) if asked.equally else checked_probabilities(one for one in used if one)
        sums, deleted = _measured(asked, run, list(zip(found, used, strict=True)), topics, bar)
    notices += [*said.notices(), *([notice] if notice else []), *deleted]
    policies = sorted({one.policy.reference for one in found})
    if len(policies) > 1:
        notices.append(f"decided under {len(policies)} policy versions: {', '.join(policies[:10])}")
    windows = sums.result()
    return Population(
        origin=_origin(asked, run),
        outcomes=found,
        truths=used,
        windows=[windows.get(one.key, NOTHING) for one in found],
        labels_digest=said.digest,
        known=sums.known,
        weighted=weighted,
        equally_drawn=asked.equally,
        notices=tuple(notices),
    )


def _settings(run: Run | None) -> Settings:
    """Return the settings, with the topics that a replay was made of."""
    if run is None:
        return Settings.load()
    return Settings.load(topic_prefix=run.record.topic_prefix)


def _origin(asked: Asked, run: Run | None) -> Origin:
    if run is None:
        return Origin("what was decided live")
    return Origin(f"the replay in {asked.replay}", run.record.id, run.record.heads, run.record.policy)


def _decided(asked: Asked, run: Run | None, topics: _Topics, bar: Bar) -> tuple[list[Outcome], list[str]]:
    if run is None:
        found = outcomes.live(topics.properties, topics.settings, bar, asked.since)
    else:
        found = outcomes.of_replay(run, bar("reading decisions", run.record.counts.decisions))
    notices = [f"left out: {found.unreadable:,} records that are no decisions"] if found.unreadable else []
    return outcomes.within(found.last.values(), asked.since, asked.until), notices


def _truths(asked: Asked, found: list[Outcome], topics: _Topics) -> Truths:
    given: list[LabelGiven] = []
    if asked.labelled and asked.labels is not None:
        now = round(datetime.now(UTC).timestamp() * 1000)
        given = list(read_file(asked.labels, Defaults(now, who=_NOBODY)).labels)
    elif asked.labelled:
        given = LabelLog(topics.properties, topics.names.labels, topics.settings.partitions).read()
    return truths(found, given, asked.conflicts)


def _measured(
    asked: Asked, run: Run | None, found: list[tuple[Outcome, Truth | None]], topics: _Topics, bar: Bar
) -> tuple[Measured, list[str]]:
    """Return the metrics of windows, and what a reader has to know; nothing is read where none are wanted."""
    labelled = {one.key for one, truth in found if truth is not None} if asked.all_metrics else set()
    wanted = [one for one, _ in found if asked.items or asked.names or one.key in labelled]
    sums = Measured(wanted, asked.names, labelled)
    if not wanted:
        return sums, []
    notices = []
    if run is not None and run.rescored:
        items = measured.rescored(run, bar)
    else:
        names, properties = topics.names, topics.properties
        deleted = measured.truncated(properties, names.scores, wanted)
        told = f"retention has deleted scores of {deleted:,} windows: their metrics are those of what is left, if any"
        notices = [told] if deleted else []
        items = measured.on_topic(properties, names.scores, wanted, bar)
    for item in items:
        sums.take(item)
    return sums, notices


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error
