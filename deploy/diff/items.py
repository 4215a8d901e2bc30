"""The answers behind some windows: from a replay's folder where items were scored anew, or from the topic `scores`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from confluent_kafka import Message

from deploy import answers
from deploy.answers import Record
from deploy.diff.said import Key
from deploy.replay.errors import ReplayError
from deploy.replay.folder import Run
from schemas.decisions import Decision
from streams import clients
from streams.replaying import GoneError, read_range

Records = Mapping[str, Sequence[Record]]
"""Records of each parent, in the order of their offsets."""

Span = tuple[int, int]
"""First offset and end."""

Advance = Callable[[int], None]
_MOST: Final = 1_000_000  # records of `scores` that are read for the windows that are shown
_NEAR: Final = 10_000  # offsets: what lies closer is come to by reading on
_COLUMNS: Final = ["offset", "parent_id", "record"]


def scored_anew(run: Run, windows: Iterable[Decision]) -> Records:
    """Return what a replay scored anew of the parents of some windows; nothing where it scored none.

    Raises:
        ReplayError: a file is not to be read.
    """
    found: defaultdict[str, list[Record]] = defaultdict(list)
    wanted: defaultdict[int, list[Decision]] = defaultdict(list)
    for window in windows:
        wanted[window.partition].append(window)
    for partition, own in sorted(wanted.items()):
        parents = pa.array(sorted({window.parent_id for window in own}), pa.string())
        for path in _files(run, partition, _merged(own)[partition]):
            for row in _rows(path, parents):
                record = answers.read(row["offset"], row["record"].encode())
                if record is not None:
                    found[row["parent_id"]].append(record)
    return found


def _files(run: Run, partition: int, spans: Iterable[Span]) -> list[Path]:
    """Return the files of scores that hold records of some spans; each is named by its first offset."""
    files = run.score_files(partition)
    begins = [int(path.stem) for path in files]
    ends = [*begins[1:], run.record.spans[partition][1]]
    wanted = list(spans)
    return [
        path
        for path, begin, end in zip(files, begins, ends, strict=True)
        if any(first < end and begin < last for first, last in wanted)
    ]


def _rows(path: Path, parents: pa.Array) -> list[dict[str, Any]]:
    try:
        wanted = pc.field("parent_id").isin(parents)
        rows: list[dict[str, Any]] = pq.read_table(path, columns=_COLUMNS, filters=wanted).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ReplayError(f"{path} cannot be read: {error}. Make the replay anew") from error
    return rows


class LiveScores:
    """The topic `scores`, read where the windows lie that are shown and nowhere else."""

    def __init__(self, properties: clients.Properties, topic: str) -> None:
        """Name the topic; nothing is asked of the brokers yet."""
        self._properties, self._topic = properties, topic

    def records(self, windows: Sequence[Decision], advance: Advance = lambda _: None) -> tuple[Records, list[Key]]:
        """Return the records of the parents of windows, and the windows that were left out, since it would be too much.

        Raises:
            KafkaException: the brokers refused.
        """
        taken, left_out = _affordable(windows)
        parents = {window.parent_id for window in taken}
        found: defaultdict[str, list[Record]] = defaultdict(list)
        for partition, spans in sorted(_merged(taken, _NEAR).items()):
            for span in spans:
                for message in self._read(partition, span):
                    advance(1)
                    record = answers.read(message.offset() or 0, message.value())
                    if record is not None and record.value.parent_id in parents:
                        found[record.value.parent_id].append(record)
        return found, left_out

    def _read(self, partition: int, span: Span) -> Iterator[Message]:
        try:
            yield from read_range(self._properties, self._topic, partition, span)
        except GoneError:  # the items that are left are shown
            return


def _affordable(windows: Sequence[Decision]) -> tuple[list[Decision], list[Key]]:
    """Return as many of the first windows as can be read, and the keys of the others."""
    taken: list[Decision] = []
    left_out: list[Key] = []
    room = _MOST
    for window in windows:
        room -= window.through_offset - window.first_offset + 1
        if room >= 0 or not taken:
            taken.append(window)
        else:
            left_out.append((window.parent_id, window.window))
    return taken, left_out


def _merged(windows: Iterable[Decision], gap: int = 0) -> dict[int, list[Span]]:
    """Return for each partition the spans in which windows lie, rising; those that are no more apart are one."""
    found: defaultdict[int, list[Span]] = defaultdict(list)
    for first, partition, end in sorted((one.first_offset, one.partition, one.through_offset + 1) for one in windows):
        spans = found[partition]
        if spans and first <= spans[-1][1] + gap:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((first, end))
    return dict(found)
