"""What `sluice replay` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path("out/replays")
EPSILON: Final = 0.001
CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What was asked for.

    Attributes:
        begin, end: times as they were written; see `deploy.items.times`.
        sources: whose parents are decided; empty: all.
        heads: a head, or a folder of heads, to score with; None: scores as they were live.
        policy: a file, or name@version, that decides all; None: those that were in force.
        own_policy: what the deciders went by until one was activated; None: the bundled one.
        out: the folder; None: one of its own in `FOLDER`.
        epsilon: how close to a threshold a score is called near.
        device: of the encoder, where it is needed.
        batch_size: items in the encoder at a time.
        workers: processes.
        topics: prefix of topics that get the decisions, too.
        chunk_records: records in a file of scores.
    """

    begin: str
    end: str = "0s"
    sources: tuple[str, ...] = ()
    heads: Path | None = None
    policy: str | None = None
    own_policy: Path | None = None
    out: Path | None = None
    epsilon: float = EPSILON
    device: str = "auto"
    batch_size: int = 1
    workers: int = 1
    topics: str | None = None
    chunk_records: int = CHUNK
