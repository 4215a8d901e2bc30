"""Which labels of a file are new, and appending them to the topic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from deploy.labels.counting import last_of_each
from deploy.labels.known import Origin, known_parents
from deploy.settings import Settings
from schemas.labels import LabelGiven
from streams import clients
from streams.labelling import LabelLog
from streams.topics import TopicNames


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of labels that were to be imported.

    Attributes:
        new: what is appended.
        there: how many are on the topic already, or have no time and say what their person said last.
        unknown: parents without a decision, which are imported all the same: it may be on its way.
        contrary: parents whose kind or source is another one in their decision.
    """

    new: tuple[LabelGiven, ...]
    there: int
    unknown: tuple[str, ...]
    contrary: tuple[str, ...]


def log_of(properties: clients.Properties, settings: Settings) -> LabelLog:
    """Return the log of labels of a topic set."""
    return LabelLog(properties, TopicNames(settings.topic_prefix).labels, settings.partitions)


def take_in(
    labels: Sequence[LabelGiven],
    properties: clients.Properties,
    settings: Settings,
    advance: Callable[[int], None],
    *,
    now: int,
    write: bool = True,
) -> Intake:
    """Append the labels that are new to the topic.

    A label gets the kind and source of its parent's decision where it names none. Who is killed in between runs it
    again: what is there is not written twice.

    Args:
        labels: of one file.
        properties: of the brokers.
        settings: name the topics.
        advance: told how many further ones were acknowledged.
        now: the time of labels for which the file gives none, ms since 1970.
        write: False only looks.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    log = log_of(properties, settings)
    known = known_parents(properties, settings, {label.parent_id for label in labels})
    found = sorted_out(labels, log.read(), known, now)
    if write and found.new:
        log.append(found.new, advance)
    return found


def sorted_out(
    labels: Sequence[LabelGiven], before: Iterable[LabelGiven], known: Mapping[str, Origin], now: int
) -> Intake:
    """Tell new labels from what was said before. Pure.

    A label with a time of its own is there already where its person said the same of its target at that very time:
    somebody may change her mind and back, and files may come out of their order. One without is there already where
    it says what its person said last.

    Args:
        labels: of one file.
        before: what is on the topic.
        known: kind and source of parents that have a decision.
        now: the time of labels for which the file gives none, ms since 1970.
    """
    said = list(before)
    ids = {label.id for label in said}
    told = {(label.who, label.target, label.at, label.said) for label in said}
    last = {(label.who, label.target): label.said for label in last_of_each(said)}

    def is_there(label: LabelGiven) -> bool:
        again = label.at == now and last.get((label.who, label.target)) == label.said
        return again or label.id in ids or (label.who, label.target, label.at, label.said) in told

    new = [_completed(label, known.get(label.parent_id)) for label in labels if not is_there(label)]
    parents = dict.fromkeys(label.parent_id for label in labels)
    contrary = {label.parent_id for label in labels if _contradicts(label, known.get(label.parent_id))}
    return Intake(
        new=tuple(new),
        there=len(labels) - len(new),
        unknown=tuple(parent for parent in parents if parent not in known),
        contrary=tuple(parent for parent in parents if parent in contrary),
    )


def _completed(label: LabelGiven, origin: Origin | None) -> LabelGiven:
    if origin is None or (label.kind is not None and label.source is not None):
        return label
    return label.model_copy(update={"kind": label.kind or origin.kind, "source": label.source or origin.source})


def _contradicts(label: LabelGiven, origin: Origin | None) -> bool:
    if origin is None:
        return False
    return label.kind not in {None, origin.kind} or label.source not in {None, origin.source}
