"""A replay in a folder and labels beside it, made up: cameras of which one is noisy, and its bad clips are accepted."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from deploy.replay.folder import DECISIONS, DECISIONS_FILE, RUN, SCORES, SCORES_FOLDER
from schemas.decisions import Counts, Decision, PolicyRef, Timings
from schemas.policy import Rule
from schemas.replays import ReplayPolicy, ReplayRun
from schemas.scores import ItemScored

NOW = 1_700_000_000_000
SCORER = "ab" * 32
POLICY = ReplayPolicy(name="night", version=3, digest="cd" * 32)
NOISY = "camera-3"
ITEMS = 2  # of each clip


def decision(parent: str, action: str = "accept", score: float | None = 0.9, offset: int = 0, **other: Any) -> Decision:
    """Return a decision about a parent whose scores begin at an offset."""
    window, revision = other.pop("window", "whole"), other.pop("revision", 0)
    fields: dict[str, Any] = {
        "id": f"{parent}/{window}/{revision}",
        "parent_id": parent,
        "kind": "video-frame",
        "source": "camera-1",
        "window": window,
        "revision": revision,
        "action": action,
        "label": None if score is None else "high" if action == "accept" else "rejected",
        "review": False,
        "score": score,
        "uncalibrated": False,
        "cause": "complete",
        "counts": Counts(expected=ITEMS, scored=ITEMS, failed=0, skipped=0, missing=0, duplicate=0),
        "scorers": (SCORER,),
        "policy": PolicyRef(name=POLICY.name, version=POLICY.version, digest=POLICY.digest, rule=Rule()),
        "partition": 0,
        "first_offset": offset,
        "through_offset": offset + ITEMS - 1,
        "timings": Timings(first_item_at=NOW, last_item_at=NOW, closed_at=NOW + offset, decided_at=NOW + offset),
    }
    return Decision(**{**fields, **other})


def item(parent: str, index: int, offset: int, metrics: dict[str, float], **other: Any) -> tuple[int, ItemScored]:
    """Return a score and where it lies."""
    fields: dict[str, Any] = {
        "parent_id": parent,
        "kind": "video-frame",
        "source": "camera-1",
        "appended_at": NOW + offset,
        "item_id": f"{parent}/{index}",
        "index": index,
        "count": ITEMS,
        "item_partition": 0,
        "item_offset": offset,
        "score": 0.9,
        "metrics": metrics,
        "scorer": SCORER,
        "embedding": "e",
    }
    return offset, ItemScored(**{**fields, **other})


def replay(
    folder: Path, decisions: Sequence[Decision], items: Iterable[tuple[int, ItemScored]] = (), **other: Any
) -> Path:
    """Write the folder of a replay, scored anew, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    fields: dict[str, Any] = {
        "id": "ef" * 32,
        "topic_prefix": "sliced.",
        "from_ms": NOW,
        "to_ms": NOW + 1_000_000,
        "spans": {0: (0, 1_000_000)},
        "complete": True,
        "heads": {"video-frame": SCORER},
        "policy": POLICY,
    }
    run = ReplayRun(**{**fields, **other})
    (folder / RUN).write_bytes(run.to_json())
    rows = [_decided(one) for one in decisions]
    pq.write_table(pa.Table.from_pylist(rows, schema=DECISIONS), folder / DECISIONS_FILE)
    scores = [_scored(offset, one) for offset, one in items]
    (folder / SCORES_FOLDER / "0").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(scores, schema=SCORES), folder / SCORES_FOLDER / "0" / f"{0:020}.parquet")
    return folder


def labels(path: Path, rows: Iterable[dict[str, object]]) -> Path:
    """Write a file of labels and return it."""
    found = list(rows)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return path


def cameras(folder: Path, clips: int = 80) -> tuple[Path, Path]:
    """Return a replay of four cameras with so many labelled clips each, and the labels.

    The noisy camera's bad clips are accepted, more of them where the noise is stronger; those of others never are.
    """
    chance = random.Random(3)
    decisions, items, given = [], [], []
    for number in range(4 * clips):
        parent, source, offset = f"clip-{number:03}", f"camera-{number % 4 + 1}", number * ITEMS
        noise = chance.uniform(4, 12) if source == NOISY else chance.uniform(0, 4)
        bad = chance.random() < 0.5
        missed = bad and source == NOISY and chance.random() < noise / 13
        score = 0.8 + chance.random() / 10 if missed or not bad else chance.random() / 10
        action = "accept" if missed or not bad else "reject"
        decisions.append(decision(parent, action, score, offset, source=source))
        for index in range(ITEMS):
            metrics = {"noise_sigma": noise + index - 0.5, "sharpness": chance.random()}
            items.append(item(parent, index, offset + index, metrics, source=source))
        given.append({"parent": parent, "label": 0.1 if bad else 0.9})
    return replay(folder / "replay", decisions, items), labels(folder / "labels.csv", given)


def _decided(one: Decision) -> dict[str, Any]:
    names = ("parent_id", "window", "revision", "kind", "source", "action", "label", "score", "cause", "partition")
    rest = {"wall_clock": False, "near": False, "expired": 0, "decision": one.to_json().decode()}
    return {name: getattr(one, name) for name in names} | rest


def _scored(offset: int, one: ItemScored) -> dict[str, Any]:
    names = ("parent_id", "kind", "source", "item_id", "index", "item_partition", "item_offset", "type", "score")
    fields = {name: getattr(one, name) for name in names}
    return fields | {
        "offset": offset,
        "content_hash": one.content_hash,
        "reasons": list(one.reasons),
        "embedded": "cache",
        "record": one.to_json().decode(),
    }
