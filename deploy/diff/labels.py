"""Labels of parents and windows for a comparison: from a file, or from the topic `labels`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy import labels
from deploy.labels import Defaults
from schemas.labels import LabelGiven
from streams import clients
from streams.labelling import LabelLog

_SOMEBODY: Final = "somebody"  # judged, where a file does not say who; here nothing depends on it

Target = tuple[str, str | None]
"""Parent, and window where the label is of one alone."""


@dataclass(frozen=True, slots=True)
class Given:
    """A label: a value in [0,1], and with which probability its parent was drawn for labelling, where that is known."""

    value: float
    probability: float | None = None


@dataclass(slots=True)
class Labels:
    """Labels by what they are of, and what was passed over: `unusable` by cause."""

    by_target: dict[Target, Given] = field(default_factory=dict)
    unusable: Counter[str] = field(default_factory=Counter)


def read_file(path: Path, now: int) -> Labels:
    """Read labels from a CSV, JSONL or Parquet file.

    Args:
        path: of the file.
        now: ms since 1970.

    Raises:
        LabelsError: it is no such file, or rows of it are wrong: the text names their lines.
    """
    return gathered(labels.read_file(path, Defaults(now, who=_SOMEBODY)).labels)


def read_topic(properties: clients.Properties, topic: str, partitions: int) -> Labels:
    """Read labels from the topic `labels`.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    log = LabelLog(properties, topic, partitions)
    found = gathered(log.read())
    found.unusable += Counter({"not to be read": log.unreadable})
    return found


def gathered(given: Sequence[LabelGiven]) -> Labels:
    """Return one label for each parent or window.

    Of several by one person the last one counts, of several people what most of them say.
    """
    own = [label for label in given if label.of_parent]
    found = labels.counted(own)
    passed = {
        "of items": len(given) - len(own),
        "of parents on which people disagree": found.dropped,
        "of parents that could not be judged": found.not_judged,
    }
    return Labels(
        {
            (one.label.parent_id, one.label.window): Given(one.label.value, one.label.probability)
            for one in found.judged
            if one.label.value is not None
        },
        Counter({name: count for name, count in passed.items() if count}),
    )
