"""What a replay was asked, what it read and what came of it: `run.json` in the replay's folder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Record
from schemas.items import Identifier, Sha256

Count = Annotated[int, Field(ge=0)]
Partition = Annotated[int, Field(ge=0)]
Offset = Annotated[int, Field(ge=0)]


class ReplayPolicy(Record):
    """A policy by name, version and digest."""

    name: Identifier
    version: Annotated[int, Field(ge=1)]
    digest: Sha256

    @property
    def reference(self) -> str:
        """Name and version, as in `night@3`."""
        return f"{self.name}@{self.version}"


class ReplayCounts(Record):
    """What was read and what came of it. Items are counted once for each of their records."""

    records: Count = Field(default=0, description="Records on `scores` within the span.")
    unreadable: Count = Field(default=0, description="Of them, those that are no answers of a worker.")
    rescored: Count = Field(default=0, description="Items that got a new score, or a new reason for having none.")
    from_cache: Count = Field(default=0, description="Of them, those whose embedding came from the cache.")
    unverified: Count = Field(
        default=0,
        description="Of them, those of a scorer none of whose items is there any more to check the encoder by.",
    )
    encoded: Count = Field(default=0, description="Of them, those that were read from `items` and embedded.")
    skipped_early: Count = Field(default=0, description="Items that an early decision had skipped in the live run.")
    expired: Count = Field(default=0, description="Items that retention had deleted: they have no score.")
    failed: Count = Field(default=0, description="Items that were read from `items` and could not be scored.")
    decisions: Count = Field(default=0, description="Decisions of the replay, revisions included.")
    accept: Count = 0
    review: Count = 0
    reject: Count = 0
    near: Count = Field(default=0, description="Decisions whose score is within epsilon of a threshold.")
    wall_clock: Count = Field(default=0, description="Decisions whose window the wall clock closed in the live run.")
    not_live: Count = Field(default=0, description="Decisions whose window has no live decision within the span.")
    left_out: Count = Field(default=0, description="Parents with a window that began before the span.")
    open: Count = Field(default=0, description="Windows that were not due when the span ended: they have no decision.")


class ReplayAsked(Record):
    """The times as they were written on the command line: by them an unfinished replay is known again."""

    begin: str
    end: str


class ReplayRun(Record):
    """A replay: a span of `scores`, what it was scored and decided with, and what came of it.

    The same id means the same records, heads, policy and sources, and so the same decisions.
    """

    type: Literal["ReplayRun"] = "ReplayRun"
    format: Literal[1] = 1
    id: Sha256 = Field(description="SHA-256 of topics, spans, sources, heads, policy and epsilon.")
    topic_prefix: str = Field(description="Of the live topics that were read.")
    asked: ReplayAsked | None = None
    from_ms: int = Field(description="When the brokers appended the first records, or later: ms since 1970 UTC.")
    to_ms: int = Field(description="Before that the last ones were appended; windows that are due then are closed.")
    sources: tuple[Identifier, ...] = Field(default=(), description="Whose parents are decided; empty: all.")
    spans: dict[Partition, tuple[Offset, Offset]] = Field(
        description="First offset on `scores` of each partition, and the one after the last."
    )
    known: dict[Partition, tuple[Offset, Offset]] = Field(
        default={}, description="Which offsets of `decisions` the live decisions are read from."
    )
    heads: dict[Identifier, Sha256] | None = Field(
        default=None, description="Scorer digest for each kind that is scored anew; None: scores as they were live."
    )
    policy: ReplayPolicy | None = Field(
        default=None, description="That decided all; None: those that were in force, by the markers on the topic."
    )
    own_policy: ReplayPolicy | None = Field(
        default=None, description="Where no policy had been activated yet: the deciders' own."
    )
    epsilon: float = Field(default=0.0, ge=0.0, description="How close to a threshold a score is called near.")
    topics: str | None = Field(default=None, description="Prefix of the topics that get the decisions, too.")
    batch_size: int = Field(default=1, ge=1, description="Items in the encoder at a time, where it is needed.")
    chunk_records: int = Field(default=2_000, ge=1, description="Records in a file of scores, at most.")
    counts: ReplayCounts = ReplayCounts()
    notices: tuple[str, ...] = Field(default=(), description="What a reader of the result has to know, in sentences.")
    complete: bool = Field(default=False, description="False: it is not finished; the same command goes on with it.")
