"""From the partitions of a replay to its result."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from deploy.replay.folder import DECISIONS, DECISIONS_FILE, RUN
from deploy.replay.job import WORK, Part
from deploy.replay.writing import write_table, write_text
from schemas.replays import ReplayCounts, ReplayRun

_NAMED = 5  # kinds and sources in a notice


def save(folder: Path, run: ReplayRun) -> None:
    """Write what is known of a replay.

    Raises:
        ReplayError: the disk or the system refuses.
    """
    write_text(folder / RUN, run.model_dump_json(indent=2, exclude_none=True) + "\n")


def finish(folder: Path, run: ReplayRun, *, pinned: bool) -> ReplayRun:
    """Put the partitions together, and say that the replay is complete. All partitions must be done.

    Args:
        folder: of the replay.
        run: what was planned.
        pinned: one policy has decided all.

    Raises:
        ReplayError: the disk or the system refuses.
    """
    parts = {number: _part(folder, number) for number in sorted(run.spans)}
    tally: Counter[str] = Counter()
    write_table(folder / DECISIONS_FILE, DECISIONS, _rows(folder, parts, tally))
    for part in parts.values():
        tally.update(part.counts)
    counts = ReplayCounts.model_validate(tally)
    done = run.model_copy(
        update={
            "counts": counts,
            "notices": (*run.notices, *_notices(run, counts, parts, pinned=pinned)),
            "complete": True,
        }
    )
    save(folder, done)
    shutil.rmtree(folder / WORK, ignore_errors=True)
    return done


def _part(folder: Path, partition: int) -> Part:
    return msgspec.json.decode((folder / WORK / f"{partition}.json").read_bytes(), type=Part)


def _rows(folder: Path, parts: dict[int, Part], tally: Counter[str]) -> Iterator[list[dict[str, Any]]]:
    for partition, part in parts.items():
        by_clock = {(parent, window) for parent, window in part.by_clock}
        with pq.ParquetFile(folder / WORK / f"{partition}.parquet") as file:
            for number in range(file.num_row_groups):
                rows = file.read_row_group(number, columns=DECISIONS.names).to_pylist()
                for row in rows:
                    row["wall_clock"] = (row["parent_id"], row["window"].partition("@")[0]) in by_clock
                    tally["wall_clock"] += row["wall_clock"]
                yield rows


def _notices(run: ReplayRun, counts: ReplayCounts, parts: dict[int, Part], *, pinned: bool) -> list[str]:
    told = []
    if run.sources and not counts.decisions:
        told.append(f"no parent of {', '.join(run.sources)} was decided within the span")
    if counts.left_out:
        told.append(f"{counts.left_out:,} parents had a window open when the span began; those windows are left out")
    if counts.open:
        told.append(f"{counts.open:,} windows were not due when the span ended, and have no decision")
    if counts.wall_clock:
        told.append(
            f"{counts.wall_clock:,} decisions are of windows that the wall clock closed in the live run; they may"
            " differ for that alone"
        )
    if counts.skipped_early and run.heads is None:
        told.append(
            f"{counts.skipped_early:,} items were skipped after an early decision and have no score here; --head scores"
            " them from their bytes"
        )
    if counts.expired:
        told.append(f"{counts.expired:,} items had to be read from the topic and were deleted by retention: no score")
    if counts.encoded:
        told.append(
            f"{counts.encoded:,} items were embedded anew, each by itself: their scores may differ in the last digits"
            " from those that a worker's batches gave"
        )
    if counts.unverified:
        told.append(
            f"{counts.unverified:,} items were scored by embeddings that nothing shows to be this encoder's: no item of"
            " their scorer is on the topic any more"
        )
    other = sorted({tuple(scope) for part in parts.values() for scope in part.other_rules})
    if pinned and other:
        named = ", ".join(f"{kind} of {source}" for kind, source in other[:_NAMED])
        more = f" and {len(other) - _NAMED} more" if len(other) > _NAMED else ""
        told.append(
            "the policy has other rules about single items than were in force; what those answered stays as it is"
            f" ({named}{more})"
        )
    return told
