"""Labels of parents and windows for a comparison: from a file, or from the topic `labels`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True, slots=True)
class Read:
    """Labels as they were given, and what could not be read, by cause."""

    given: Sequence[LabelGiven]
    unusable: Counter[str] = field(default_factory=Counter)

    def settled(self, edge: Callable[[Target], float]) -> Labels:
        """Return one label for each parent or window.

        Of several by one person the last one counts, of several people what most of them say.

        Args:
            edge: below which a label of a target is bad, which is what people disagree about.
        """
        own = [label for label in self.given if label.of_parent]
        by_edge: defaultdict[float, list[LabelGiven]] = defaultdict(list)
        for label in own:
            by_edge[edge((label.parent_id, label.window))].append(label)
        found = [labels.counted(some, cut=cut) for cut, some in by_edge.items()]
        passed = {
            "of items": len(self.given) - len(own),
            "of parents on which people disagree": sum(one.dropped for one in found),
            "of parents that could not be judged": sum(one.not_judged for one in found),
        }
        judged = [one.label for some in found for one in some.judged]
        return Labels(
            {(one.parent_id, one.window): Given(one.value, one.probability) for one in judged if one.value is not None},
            self.unusable + Counter({name: count for name, count in passed.items() if count}),
        )


def read_file(path: Path, now: int) -> Read:
    """Read labels from a CSV, JSONL or Parquet file.

    Args:
        path: of the file.
        now: ms since 1970.

    Raises:
        LabelsError: it is no such file, or rows of it are wrong: the text names their lines.
    """
    return Read(labels.read_file(path, Defaults(now, who=_SOMEBODY)).labels)


def read_topic(properties: clients.Properties, topic: str, partitions: int) -> Read:
    """Read labels from the topic `labels`.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    log = LabelLog(properties, topic, partitions)
    given = list(log.read())
    return Read(given, +Counter({"not to be read": log.unreadable}))
