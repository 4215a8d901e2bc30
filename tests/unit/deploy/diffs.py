"""Folders of replays, made from hand-written records by the real gate, as `sluice replay` would write them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from deploy.diff.folder import open_side, read_side
from deploy.diff.said import Key, Reader, Said
from deploy.diff.sides import Side
from deploy.replay.folder import DECISIONS, DECISIONS_FILE, RUN, SCORES, SCORES_FOLDER
from schemas.decisions import Decision
from schemas.policy import Policy
from schemas.replays import ReplayRun
from tests.unit.aggregation.records import decisions, fed, policy, scored

DIGEST = "a" * 64
STRICT = policy(thresholds={"high": 0.9, "medium": 0.6, "low": 0.3})


def replay(
    path: Path,
    values: Sequence[bytes],
    under: Policy | None = None,
    *,
    rescored: bool = False,
    wall_clock: Collection[str] = (),
    near: Collection[str] = (),
    expired: Mapping[str, int] | None = None,
    **run: Any,
) -> Path:
    """Write the folder of a replay of one partition, whose records are these. Names in the options are parents."""
    made = decisions(fed(values, under or policy()))
    path.mkdir(parents=True)
    fields: dict[str, Any] = {
        "id": DIGEST,
        "topic_prefix": "sluice.",
        "from_ms": 0,
        "to_ms": 1000,
        "spans": {0: (0, len(values))},
        "heads": {"video-frame": DIGEST} if rescored else None,
        "epsilon": 0.001,
        "complete": True,
    }
    (path / RUN).write_bytes(ReplayRun(**{**fields, **run}).to_json())
    rows = [_row(one, wall_clock, near, expired or {}) for one in made]
    pq.write_table(pa.Table.from_pylist(rows, schema=DECISIONS), path / DECISIONS_FILE)
    if rescored:
        folder = path / SCORES_FOLDER / "0"
        folder.mkdir(parents=True)
        answers = [_answer(offset, value) for offset, value in enumerate(values)]
        for first in range(0, len(answers), 3):
            table = pa.Table.from_pylist(answers[first : first + 3], schema=SCORES)
            pq.write_table(table, folder / f"{first:012}.parquet")
    return path


def _row(
    made: Decision, wall_clock: Collection[str], near: Collection[str], expired: Mapping[str, int]
) -> dict[str, Any]:
    own = made.model_dump(mode="json")
    return {name: own[name] for name in DECISIONS.names if name in own} | {
        "wall_clock": made.parent_id in wall_clock,
        "near": made.parent_id in near,
        "expired": expired.get(made.parent_id, 0),
        "decision": made.to_json().decode(),
    }


def _answer(offset: int, value: bytes) -> dict[str, Any]:
    own = json.loads(value)
    return {name: own.get(name) for name in SCORES.names} | {"offset": offset, "record": value.decode()}


def side(path: Path) -> Side:
    origin, run = open_side(path, path.name)
    return read_side(origin, run, lambda _: True, lambda _: None)


def said(values: Iterable[bytes], under: Policy | None = None, **flags: Any) -> dict[Key, Said]:
    """Return what a gate says of the records' windows."""
    found = [Reader().read(one.to_json(), **flags) for one in decisions(fed(values, under or policy()))]
    return {one.key: one for one in found if one is not None}


def parents(scores: Mapping[str, float], **other: Any) -> list[bytes]:
    """Return the records of parents of one item each."""
    return [scored(name, 0, score, 1, **other) for name, score in scores.items()]
