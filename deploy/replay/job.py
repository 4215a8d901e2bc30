"""The work on a replay: partitions, one at a time, by as many processes as there are. Each holds a lock on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from aggregation import PartitionGate, UnknownPolicyError
from deploy.policy.book import NewerPolicyError
from deploy.replay.deciding import Choice, Deciding
from deploy.replay.errors import ReplayError
from deploy.replay.folder import DECISIONS, open_run
from deploy.replay.live import LiveLog
from deploy.replay.plan import With
from deploy.replay.policies import check_known, finder_of
from deploy.replay.shadow import ShadowLog
from deploy.replay.writing import alone, write_table, write_text
from schemas.checkpoint import Checkpoint, UnreadableCheckpointError
from schemas.replays import ReplayRun
from streams.replaying import Chunk, GoneError, read_chunks, read_range
from streams.topics import TopicNames

if TYPE_CHECKING:
    from deploy.replay.scoring import Scoring
    from workers.rescoring import Rescorer

Advance = Callable[[str, int], None]
"""Told of a stage, `scoring` or `deciding`, and how many further records it has done."""

WORK: Final = "work"
PART: Final = DECISIONS.append(pa.field("withdrawn_from", pa.string())).append(pa.field("withdrawal", pa.string()))
_LOOK: Final = 0.2  # s


class Part(msgspec.Struct):
    """What came of a partition, beside its decisions."""

    counts: dict[str, int]
    by_clock: list[tuple[str, str]]  # windows that the wall clock closed in the live run
    other_rules: list[tuple[str, str]]  # kinds and sources whose rules about items differ from those in force


@dataclass
class Job:
    """A replay that is planned, and what one process needs to work on it."""

    folder: Path
    run: ReplayRun
    using: With
    properties: Mapping[str, str]
    open_rescorer: Callable[[], Rescorer]
    shadow: ShadowLog | None
    advance: Advance

    def __post_init__(self) -> None:
        """Name the topics."""
        self._names = TopicNames(self.run.topic_prefix)
        self._sources = frozenset(self.run.sources)
        self._finder = finder_of(self.properties, self._names)

    def work(self) -> None:
        """Work until every partition is done, by this process or by another one.

        Raises:
            ReplayError: it cannot go on; what is done stays done.
            KafkaException: the brokers refused.
        """
        while waiting := [number for number in self.run.spans if not self.is_done(number)]:
            if not any(self._try(number) for number in waiting):
                Event().wait(_LOOK)

    def is_done(self, partition: int) -> bool:
        """Whether a partition is decided, and its decisions are where they should be."""
        done = self.part_path(partition, "json").is_file()
        return done or open_run(self.folder, complete=False).record.complete  # the parts are gone by then

    def part_path(self, partition: int, ending: str) -> Path:
        """Return the path of a partition's decisions (parquet) or of what is told beside them (json)."""
        return self.folder / WORK / f"{partition}.{ending}"

    def _try(self, partition: int) -> bool:
        """Do a partition, unless another process is at it; return whether it was done."""
        with alone(self.folder / f".lock-{partition}") as mine:
            if not mine or self.is_done(partition):
                return False
            try:
                self._do(partition, self.run.spans[partition])
            except GoneError as error:
                raise ReplayError(f"{error}: make the replay anew, of what is still there") from error
            except UnknownPolicyError as error:
                raise ReplayError(f"{error}: it was in force when the span began. Name another: --policy") from error
            except (NewerPolicyError, UnreadableCheckpointError) as error:
                raise ReplayError(str(error)) from error
        return True

    def _do(self, partition: int, span: tuple[int, int]) -> None:
        gate = self._gate(partition, span)
        live = self._live(partition, span, gate)
        scoring = None if self.run.heads is None else self._scored(partition, span)
        deciding = Deciding(gate, live, Choice(self._sources, self.run.epsilon, self.run.to_ms), partition)
        chunks = self._chunks(partition, span, scoring)
        path = self.part_path(partition, "parquet")
        write_table(path, PART, deciding.rows(chunks))
        if self.shadow is not None:
            self.shadow.publish(partition, path)
        counts = deciding.tallies.counts
        if scoring is not None:
            scored = scoring.counts(span, self.run.chunk_records)
            counts.update(scored)
            counts["records"] += scored["unreadable"]  # these are in no file
        told = Part(
            counts={**counts, "left_out": len(live.left_out)},
            by_clock=sorted(deciding.tallies.by_clock),
            other_rules=sorted(live.other_rules),
        )
        write_text(self.part_path(partition, "json"), msgspec.json.encode(told).decode())

    def _gate(self, partition: int, span: tuple[int, int]) -> PartitionGate:
        pinned = self.using.pinned
        if pinned is not None:
            return PartitionGate(partition, pinned, Checkpoint(span[0], span[0], 0), find_policy=lambda *_: pinned)
        under = self._finder.in_force(partition, span[0])
        resume = Checkpoint(span[0], span[0], 0, policy=under)
        return PartitionGate(partition, self.using.own, resume, find_policy=self._finder.find)

    def _live(self, partition: int, span: tuple[int, int], gate: PartitionGate) -> LiveLog:
        """Read the live decisions, and let the gate know of those of windows that began before the span."""
        live = LiveLog(span, self.using.pinned, self._wants)
        known = self.run.known.get(partition, (0, 0))
        messages = read_range(self.properties, self._names.decisions, partition, known)
        live.learn((_bytes(message.value()) for message in messages), gate.recall)
        gate.stream_time = live.stream_time
        gate.checkpoint()  # forgets what a decider would have forgotten by then
        if self.using.pinned is None:
            check_known(live.policies, self.using.own, self._finder)
        return live

    def _scored(self, partition: int, span: tuple[int, int]) -> Scoring:
        """Score what has no file yet."""
        from deploy.replay.items import Items  # noqa: PLC0415 (a replay without a head needs no torch)
        from deploy.replay.scoring import Scoring  # noqa: PLC0415

        items = Items(self.properties, self._names.items)
        scoring = Scoring(self.folder, partition, self.open_rescorer, items, self._wants)
        size = self.run.chunk_records
        first = scoring.missing_from(span, size)
        self.advance("scoring", first - span[0])
        for chunk in read_chunks(self.properties, self._names.scores, partition, (first, span[1]), size):
            scoring.take(chunk)
            self.advance("scoring", chunk.end - chunk.first)
        return scoring

    def _chunks(self, partition: int, span: tuple[int, int], scoring: Scoring | None) -> Iterator[Chunk]:
        size = self.run.chunk_records
        if scoring is None:
            chunks = read_chunks(self.properties, self._names.scores, partition, span, size)
        else:
            chunks = scoring.chunks(span, size)
        for chunk in chunks:
            yield chunk
            self.advance("deciding", chunk.end - chunk.first)

    def _wants(self, source: str) -> bool:
        return not self._sources or source in self._sources


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
