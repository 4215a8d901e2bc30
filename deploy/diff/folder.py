"""A replay's folder as one side of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deploy.diff.said import Key, Reader, Said
from deploy.diff.sides import Origin, Side
from deploy.replay.errors import ReplayError
from deploy.replay.folder import DECISIONS_FILE, Run, open_run
from schemas.decisions import Decision

Advance = Callable[[int], None]
Wanted = Callable[[Said], bool]
_BATCH: Final = 4_096  # decisions in memory at a time, of about 2 KB each
_COLUMNS: Final = ["decision", "wall_clock", "near", "expired"]


def open_side(path: Path, name: str) -> tuple[Origin, Run]:
    """Return where a side comes from, and its folder.

    Raises:
        ReplayError: it is no folder of a replay, or not finished.
    """
    run = open_run(path)
    record = run.record
    origin = Origin(
        name=name,
        prefix=record.topic_prefix,
        spans=record.spans,
        sources=frozenset(record.sources),
        heads=record.heads or {},
        policy=record.policy.reference if record.policy else None,
        since=record.from_ms,
        until=record.to_ms,
        epsilon=record.epsilon,
        notices=record.notices,
    )
    return origin, run


def read_side(origin: Origin, run: Run, wanted: Wanted, advance: Advance) -> Side:
    """Read what a replay decided: the last revision of each window.

    Args:
        origin: of the side.
        run: its folder.
        wanted: which windows are compared.
        advance: told how many further decisions were read.

    Raises:
        ReplayError: the file of decisions cannot be read.
    """
    reader = Reader()
    windows: dict[Key, Said] = {}
    for batch in _batches(run, _COLUMNS):
        columns = [batch.column(name).to_pylist() for name in _COLUMNS]
        for decision, wall_clock, near, expired in zip(*columns, strict=True):
            said = reader.read(decision, wall_clock=bool(wall_clock), near=bool(near), expired=expired or 0)
            if said is None:
                raise ReplayError(f"{run.path / DECISIONS_FILE} holds what is no decision. Make the replay anew")
            if wanted(said):
                keep(windows, said)
        advance(batch.num_rows)
    return Side(origin, windows, _Folder(run))


def count(run: Run) -> int:
    """Return how many decisions a replay's folder has.

    Raises:
        ReplayError: the file of decisions cannot be read.
    """
    try:
        return int(pq.read_metadata(run.path / DECISIONS_FILE).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(run, error) from error


def keep(windows: dict[Key, Said], said: Said) -> bool:
    """Keep what is said last of a window; return whether this is it so far."""
    before = windows.get(said.key)
    if before is not None and before.revision > said.revision:
        return False
    windows[said.key] = said
    return True


class _Folder:
    """The decisions in a folder, whole."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def decisions(self, keys: Iterable[Key]) -> Mapping[Key, Decision]:
        wanted = set(keys)
        parents = pa.array(sorted({parent for parent, _ in wanted}), pa.string())
        found: dict[Key, Decision] = {}
        for batch in _batches(self._run, ["parent_id", "decision"]):
            for value in batch.filter(pc.field("parent_id").isin(parents)).column("decision").to_pylist():
                decision = Decision.model_validate_json(value)
                key = (decision.parent_id, decision.window)
                if key in wanted and (key not in found or found[key].revision <= decision.revision):
                    found[key] = decision
        return found


def _batches(run: Run, columns: list[str]) -> Iterator[Any]:
    try:
        with pq.ParquetFile(run.path / DECISIONS_FILE) as file:
            yield from file.iter_batches(_BATCH, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(run, error) from error


def _unreadable(run: Run, error: Exception) -> ReplayError:
    return ReplayError(f"{run.path / DECISIONS_FILE} cannot be read: {error}. Make the replay anew")
