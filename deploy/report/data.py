"""What the report shows, read from the topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from deploy import answers
from deploy.answers import Answer
from deploy.report.choice import MEDICAL, strip, strip_length
from deploy.report.metrics import Metrics, Spread
from deploy.report.previews import Preview, preview
from schemas.decisions import Decision
from schemas.policy import Action
from streams import clients
from streams.history import read_from, read_whole
from streams.messages import headers_of
from streams.topics import TopicNames

MOST_ROWS = 2_000
MOST_PREVIEW_CHARS = 6_000_000  # of all thumbnails and excerpts, as they stand in the page

ItemPlace = tuple[int, int]  # partition and offset on `items`


@dataclass(slots=True)
class Row:
    """A parent's decision, the answers that count, and those that are shown, by index."""

    decision: Decision
    answers: list[Answer]
    shown: list[Answer]
    previews: dict[int, Preview] = field(default_factory=dict)
    withheld: bool = False  # of a medical kind, and nobody asked for pictures


@dataclass(slots=True)
class Report:
    """All rows, and what did not fit into the page."""

    topic_prefix: str
    rows: list[Row]
    rows_left_out: int = 0
    previews_left_out: int = 0
    metrics: Mapping[str, Sequence[Spread]] = field(default_factory=dict)  # by kind

    def by_action(self) -> dict[Action, int]:
        """Return how many rows each action has."""
        return {action: sum(row.decision.action is action for row in self.rows) for action in Action}


def read_report(properties: clients.Properties, names: TopicNames, partitions: int, *, medical: bool = False) -> Report:
    """Read decisions, answers and the items that are shown from a topic set.

    Args:
        properties: of the brokers.
        names: the topics.
        partitions: their count.
        medical: show pictures of medical kinds too.

    Raises:
        KafkaException: the brokers refused.
    """
    decisions = latest(message.value() for message in read_whole(properties, names.decisions, partitions))
    records: defaultdict[str, list[answers.Record]] = defaultdict(list)
    metrics = Metrics()
    for message in read_whole(properties, names.scores, partitions):
        metrics.add(message.value())
        record = answers.read(message.offset() or 0, message.value())
        if record is not None:
            records[record.value.parent_id].append(record)
    rows = [row_of(decision, records[decision.parent_id], medical=medical) for decision in decisions[:MOST_ROWS]]
    limit = strip_length(len(rows), MOST_PREVIEW_CHARS)
    for row in rows:
        row.shown = strip(row.decision.kind, row.answers, limit)
    report = Report(names.prefix, rows, rows_left_out=len(decisions) - len(rows), metrics=metrics.by_kind())
    _add_previews(report, properties, names)
    return report


def latest(values: Iterable[bytes | None]) -> list[Decision]:
    """Return the latest revision of each window's decision, by kind and parent. Foreign records are passed over."""
    found: dict[tuple[str, str], Decision] = {}
    for value in values:
        try:
            decision = Decision.model_validate_json(value or b"")
        except ValidationError:
            continue
        key = (decision.parent_id, decision.window)
        if key not in found or decision.revision >= found[key].revision:
            found[key] = decision
    return sorted(found.values(), key=lambda one: (one.kind, one.parent_id, one.window))


def row_of(decision: Decision, records: Sequence[answers.Record], *, medical: bool) -> Row:
    """Return a parent's row, with the answers that its decision counts."""
    own = [record for record in records if record.offset >= decision.first_offset]
    found = answers.weighed(own, decision.policy.rule, decision.through_offset, window=decision.window)
    counted = found.counted if found else []
    return Row(decision, counted, [], withheld=decision.kind in MEDICAL and not medical)


def _add_previews(report: Report, properties: clients.Properties, names: TopicNames) -> None:
    wanted: dict[ItemPlace, tuple[Row, int]] = {}
    for row in report.rows:
        for answer in row.shown:
            place = answer.place
            # what could not be scored cannot be shown either
            if not row.withheld and answer.state == "scored" and place.item_partition is not None:
                wanted[place.item_partition, place.item_offset or 0] = (row, answer.value.index)
    room = MOST_PREVIEW_CHARS
    for message in read_from(properties, names.items, _starts(wanted)):
        owner = wanted.get((message.partition() or 0, message.offset() or 0))
        made = owner and preview(headers_of(message), message.key(), message.value())
        if owner is None or made is None:
            continue
        row, index = owner
        room -= made.size
        if room < 0:
            report.previews_left_out += 1
        else:
            row.previews[index] = made


def _starts(wanted: Mapping[ItemPlace, object]) -> dict[int, int]:
    """Return the first offset that is wanted of each partition."""
    starts: dict[int, int] = {}
    for partition, offset in wanted:
        starts[partition] = min(offset, starts.get(partition, offset))
    return starts
