"""The folder of a replay, for whoever reads one.

    run.json                      what was asked, read and found: `schemas.replays.ReplayRun`
    decisions.parquet             one row a decision, revisions included: `DECISIONS`
    scores/PARTITION/FIRST.parquet   where items were scored anew: one row a record of `scores`: `SCORES`

Decisions are in the order of their partitions, and within one in the order in which they were made; the last revision
of a window is the one that holds. A file of scores is named by its first offset, with leading zeros. What begins with a
dot, and `work/`, is of use to an unfinished replay alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from deploy.replay.errors import ReplayError
from schemas.decisions import Decision
from schemas.replays import ReplayRun

RUN: Final = "run.json"
DECISIONS_FILE: Final = "decisions.parquet"
SCORES_FOLDER: Final = "scores"

DECISIONS: Final = pa.schema(
    [
        ("parent_id", pa.string()),
        ("window", pa.string()),
        ("revision", pa.int32()),
        ("kind", pa.string()),
        ("source", pa.string()),
        ("action", pa.string()),
        ("label", pa.string()),  # null: nothing was scored
        ("score", pa.float64()),  # null: nothing was scored
        ("cause", pa.string()),
        ("wall_clock", pa.bool_()),  # the wall clock closed this window in the live run
        ("near", pa.bool_()),  # the score is within epsilon of a threshold
        ("expired", pa.int32()),  # items of the window that retention had deleted, so that they have no score
        ("partition", pa.int32()),
        ("decision", pa.string()),  # the record as JSON; timings.decided_at is closed_at
    ]
)
"""The columns of decisions.parquet."""

SCORES: Final = pa.schema(
    [
        ("offset", pa.int64()),  # on `scores`
        ("parent_id", pa.string()),  # null of a marker
        ("kind", pa.string()),
        ("source", pa.string()),
        ("item_id", pa.string()),  # null, like all up to content_hash, of what is no item
        ("index", pa.int64()),
        ("item_partition", pa.int32()),  # where the item is on `items`
        ("item_offset", pa.int64()),
        ("content_hash", pa.string()),
        ("type", pa.string()),  # as in the record: ItemScored, ItemFailed, ParentEnded, ...
        ("score", pa.float64()),  # null where there is none
        ("reasons", pa.list_(pa.string())),
        ("embedded", pa.string()),  # live: as it was; cache: embedding from the cache; encoder: embedded anew
        ("record", pa.string()),  # the record as JSON
    ]
)
"""The columns of a file of scores."""


@dataclass(frozen=True, slots=True)
class Row:
    """One decision of a replay. `record` reads the whole of it."""

    parent_id: str
    window: str
    revision: int
    kind: str
    source: str
    action: str
    label: str | None
    score: float | None
    cause: str
    wall_clock: bool
    near: bool
    expired: int
    partition: int
    decision: str

    def record(self) -> Decision:
        """Return the decision itself."""
        return Decision.model_validate_json(self.decision)


@dataclass(frozen=True, slots=True)
class Run:
    """A replay in its folder."""

    path: Path
    record: ReplayRun

    def table(self, columns: list[str] | None = None) -> pa.Table:
        """Return all decisions, with all columns of `DECISIONS` or some.

        Raises:
            ReplayError: the file cannot be read.
        """
        return _read(self.path / DECISIONS_FILE, columns)

    def rows(self) -> Iterator[Row]:
        """Yield all decisions, a batch of them in memory at a time.

        Raises:
            ReplayError: the file cannot be read.
        """
        for batch in _batches(self.path / DECISIONS_FILE):
            for values in batch:
                yield Row(**values)

    @property
    def rescored(self) -> bool:
        """Whether items were scored anew, so that there are files of scores."""
        return self.record.heads is not None

    def score_files(self, partition: int) -> list[Path]:
        """Return the files of scores of a partition, by offset; none where scores are as they were live."""
        return sorted((self.path / SCORES_FOLDER / str(partition)).glob("[0-9]*.parquet"))

    def scores(self, partition: int) -> Iterator[dict[str, Any]]:
        """Yield the rows of a partition's scores, by the columns of `SCORES`, in the order of their offsets.

        Raises:
            ReplayError: a file cannot be read.
        """
        for path in self.score_files(partition):
            for batch in _batches(path):
                yield from batch


def open_run(path: Path, *, complete: bool = True) -> Run:
    """Open the folder of a replay.

    Args:
        path: the folder.
        complete: refuse one that is not finished.

    Raises:
        ReplayError: it is no folder of a replay, of a newer format, or not finished.
    """
    try:
        text = (path / RUN).read_bytes()
    except OSError as error:
        raise ReplayError(f"{path} is no folder of a replay: {RUN} is not there. sluice replay makes one") from error
    try:
        record = ReplayRun.model_validate_json(text)
    except ValidationError as error:
        raise ReplayError(f"{path / RUN} cannot be read: another version of Sluice may have written it") from error
    if complete and not record.complete:
        raise ReplayError(f"the replay in {path} is not finished: the same sluice replay command goes on with it")
    return Run(path, record)


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ReplayError:
    return ReplayError(f"{path} cannot be read: {error}. Make the replay anew")
