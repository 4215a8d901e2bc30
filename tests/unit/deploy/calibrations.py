"""A replay in a folder, made of a gate's own decisions about parents of one item each; and labels of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from deploy.policy.writing import to_yaml
from deploy.replay.folder import DECISIONS, DECISIONS_FILE, RUN, SCORES, SCORES_FOLDER
from deploy.scorer import HEADS
from schemas.decisions import Decision
from schemas.labels import LabelGiven
from schemas.policy import Policy
from schemas.replays import ReplayRun
from tests.unit.aggregation.records import decisions, fed, policy, scored
from workers.heads import Head
from workers.heads.store import read_manifest

KIND = "video-frame"
AT = 1_700_000_000_000


def bundled_scorer(kind: str = KIND) -> str:
    manifest = read_manifest(HEADS / kind)
    return Head.load(HEADS / kind, manifest.encoding, manifest.versions()).scorer_digest


def trained_on(kind: str = KIND) -> str:
    """Return the SHA-256 of something that the bundled head was trained on."""
    return read_manifest(HEADS / kind).sources[0].sha256


@dataclass
class Parent:
    name: str
    score: float
    bad: bool
    source: str = "camera-1"
    content: str | None = None
    other: dict[str, Any] = field(default_factory=dict)


def parents(count: int = 1000, seed: int = 3, good: float = 0.8) -> list[Parent]:
    """Return parents whose score tells much of whether they are bad: the higher, the rarer."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        bad = bool(rng.random() > good)
        score = float(rng.beta(2, 5) if bad else rng.beta(5, 2))
        found.append(Parent(f"p{number}", score, bad, source=f"camera-{number % 2 + 1}", content=f"{number:064x}"))
    return found


def decided(material: Iterable[Parent], rule: Policy | None = None, at: int = AT) -> list[Decision]:
    scorer = bundled_scorer()
    records = [
        scored(
            one.name,
            0,
            one.score,
            1,
            at=at + number,
            source=one.source,
            **{"scorer": scorer, "content_hash": one.content, **one.other},
        )
        for number, one in enumerate(material)
    ]
    return decisions(fed(records, rule or policy()))


def write_replay(folder: Path, material: Sequence[Parent], made: Sequence[Decision]) -> Path:
    (folder / SCORES_FOLDER / "0").mkdir(parents=True)
    run = ReplayRun(
        id="1" * 64,
        topic_prefix="t.",
        from_ms=AT,
        to_ms=AT + len(material),
        spans={0: (0, len(material))},
        heads={KIND: bundled_scorer()},
        complete=True,
    )
    (folder / RUN).write_bytes(run.to_json())
    rows = [
        {
            **{name: getattr(one, name) for name in ("parent_id", "window", "revision", "kind", "source", "cause")},
            "action": one.action.value,
            "label": one.label and one.label.value,
            "score": one.score,
            "wall_clock": False,
            "near": False,
            "expired": 0,
            "partition": 0,
            "decision": one.to_json().decode(),
        }
        for one in made
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=DECISIONS), folder / DECISIONS_FILE)
    scores = [{"offset": n, "parent_id": one.name, "content_hash": one.content} for n, one in enumerate(material)]
    pq.write_table(pa.Table.from_pylist(scores, schema=SCORES), folder / SCORES_FOLDER / "0" / "0000.parquet")
    return folder


def write_labels(path: Path, material: Iterable[Parent], **columns: Any) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["parent", "label", *columns])
        writer.writeheader()
        for one in material:
            writer.writerow({"parent": one.name, "label": 0.1 if one.bad else 0.9, **columns})
    return path


def write_policy(path: Path, rule: Policy | None = None) -> Path:
    document = json.loads((rule or policy()).model_dump_json())
    path.write_text(to_yaml(document))
    return path


def label(parent: str, value: float | None = 1.0, **other: Any) -> LabelGiven:
    fields = {"id": f"{parent}-{value}-{other}", "who": "ann", "at": AT, **other}
    verdict = "judged" if value is not None else "cannot_judge"
    return LabelGiven(parent_id=parent, value=value, verdict=verdict, **fields)
