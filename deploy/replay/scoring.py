"""The records of a partition, scored anew by the heads of a replay, chunk by chunk into files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import pyarrow.parquet as pq

from deploy.replay.deciding import EARLY, EXPIRED
from deploy.replay.errors import ReplayError
from deploy.replay.folder import SCORES, SCORES_FOLDER
from deploy.replay.items import Items
from deploy.replay.rows import Fields, Row, read
from deploy.replay.writing import clear_parts, write_table
from streams.replaying import Chunk
from workers.encoders import EncoderError
from workers.rescoring import CacheAwayError, Rescorer
from workers.results import Failed, Result, Scored

_DEPENDS: Final = frozenset({"metric_failed", "unknown_kind"})  # causes that another head may not have
_DIGITS: Final = 12  # of a file's name
_COUNTS: Final = b"counts"
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Scoring:
    """Scores the chunks of one partition. A chunk whose file is there is not read again."""

    folder: Path
    partition: int
    open_rescorer: Callable[[], Rescorer]  # loads encoders: asked for where there is something to score alone
    items: Items
    has: Callable[[str], bool]  # whether a source's items are wanted
    _verified: set[tuple[str, str]] = field(default_factory=set)

    def missing_from(self, span: tuple[int, int], size: int) -> int:
        """Return the offset of the first chunk without a file; files are made in their order."""
        clear_parts(self._folder)
        first, end = span
        while first < end and self._path(first).is_file():
            first += size
        return min(first, end)

    def take(self, chunk: Chunk) -> None:
        """Score a chunk and write its file.

        Raises:
            ReplayError: an item was embedded by another encoder, the cache is away, or the disk refuses.
        """
        counts: Counter[str] = Counter()
        rows = [row for record in chunk.records if (row := read(*record)) is not None]
        counts["unreadable"] = len(chunk.records) - len(rows)
        self._rescore(self.open_rescorer(), rows, counts)
        schema = SCORES.with_metadata({_COUNTS: _encode(dict(sorted(counts.items())))})
        write_table(self._path(chunk.first), schema, [[row.columns() for row in rows]])

    def chunks(self, span: tuple[int, int], size: int) -> Iterator[Chunk]:
        """Yield the records of the files, as the gate takes them."""
        for first in range(*span, size):
            table = pq.read_table(self._path(first), columns=["offset", "record"])
            records = zip(table["offset"].to_pylist(), table["record"].to_pylist(), strict=True)
            yield Chunk(first, min(first + size, span[1]), [(offset, text.encode()) for offset, text in records])

    def counts(self, span: tuple[int, int], size: int) -> Counter[str]:
        """Return what was counted of all chunks."""
        total: Counter[str] = Counter()
        for first in range(*span, size):
            metadata = pq.read_schema(self._path(first)).metadata or {}
            total.update(msgspec.json.decode(metadata[_COUNTS], type=dict[str, int]))
        return total

    @property
    def _folder(self) -> Path:
        return self.folder / SCORES_FOLDER / str(self.partition)

    def _path(self, first: int) -> Path:
        return self._folder / f"{first:0{_DIGITS}}.parquet"

    def _rescore(self, rescorer: Rescorer, rows: list[Row], counts: Counter[str]) -> None:
        own = [row for row in rows if row.fields.get("kind") in rescorer.scorer.domains]
        own = [row for row in own if self.has(row.fields["source"])]
        scored = [row for row in own if row.fields["type"] == "ItemScored"]
        try:
            counts["unverified"] += self._verify(rescorer, scored)
            found = rescorer.from_cache([row.remembered() for row in scored])
        except CacheAwayError as error:
            raise ReplayError(
                f"{error}: without it all items would have to be embedded anew. The same command goes on when it is"
                " back (SLUICE_REDIS)"
            ) from error
        except EncoderError as error:
            raise ReplayError(f"--head: {error}") from error
        afresh = []
        for row, result in zip(scored, found, strict=True):
            if result is None:
                afresh.append(row)
            else:
                counts["from_cache"] += 1
                _answer(row, result, "cache", counts)
        early = [row for row in own if row.fields["type"] == "ItemSkipped" and row.fields.get("cause") == EARLY]
        again = [row for row in own if row.fields["type"] == "ItemFailed" and row.fields.get("cause") in _DEPENDS]
        counts["skipped_early"] += len(early)
        self._score_afresh(rescorer, [*afresh, *early, *again], counts)

    def _verify(self, rescorer: Rescorer, rows: list[Row]) -> int:
        """Hold one item of each scorer against the encoder: its embedding's key must be what it would be here.

        Returns:
            How many items are of a scorer for which that could not be done. The encoder is checked by itself then.

        Raises:
            ReplayError: they were embedded otherwise.
            EncoderError: the encoder is not the one that the head needs.
        """
        waiting: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            pair = row.fields["kind"], row.fields["scorer"]
            if pair not in self._verified:
                waiting.setdefault(pair, []).append(row)
        for (kind, scorer), some in waiting.items():
            for row in some[:: max(1, len(some) // 8)]:  # a few, where the first is gone, or its bytes are elsewhere
                item = self.items.one(row.place)
                fits = None if item is None else rescorer.fits(item, row.fields["embedding"])
                if fits is False:
                    raise ReplayError(_other_encoder(rescorer, row.fields, kind, scorer))
                if fits:
                    self._verified.add((kind, scorer))
                    break
            else:
                rescorer.check_encoder(kind)
        return sum(len(some) for pair, some in waiting.items() if pair not in self._verified)

    def _score_afresh(self, rescorer: Rescorer, rows: list[Row], counts: Counter[str]) -> None:
        """Read items from `items` and score them; those that retention has deleted have no score from now on."""
        by_place = {row.place: row for row in rows}
        wanted = {place: row.wanted() for place, row in by_place.items()}
        try:
            results = dict(self.items.scored(rescorer, wanted))
        except EncoderError as error:
            raise ReplayError(f"items have to be embedded anew, and that cannot be done: {error}") from error
        for row in rows:  # an item that was answered twice has two rows and one place
            result = results[row.place]
            if result is None:
                counts[EXPIRED] += 1
                row.put("ItemSkipped", "live", cause=EXPIRED)
                continue
            cached = isinstance(result, Scored) and result.cached
            counts["from_cache" if cached else "encoded"] += isinstance(result, Scored)
            counts["failed"] += isinstance(result, Failed)
            _answer(row, result, "cache" if cached else "encoder", counts)


def _answer(row: Row, result: Result, embedded: str, counts: Counter[str]) -> None:
    """Put a new answer in the place of a record's."""
    counts["rescored"] += 1
    if isinstance(result, Scored):
        row.put(
            "ItemScored",
            embedded,
            score=result.score,
            reasons=result.reasons,
            flags=result.flags,
            metrics=result.metrics,
            scorer=result.scorer,
            calibrated=result.calibrated,
            embedding=result.embedding,
            cached=embedded == "cache",
        )
    elif isinstance(result, Failed):
        row.put("ItemFailed", embedded, cause=result.cause, detail=result.detail)


def _other_encoder(rescorer: Rescorer, fields: Fields, kind: str, scorer: str) -> str:
    encoding = rescorer.scorer.domains[kind].encoder.encoding
    return (
        f"the head for {kind} cannot score these items from the cache: it needs embeddings of {encoding.name}"
        f" ({', '.join(encoding.layers)}) and the metrics as they are measured here, and item {fields['item_id']!r} of"
        f" {fields['parent_id']!r} was embedded by another encoder, or measured by other metrics (scorer {scorer[:12]}."
        " SLUICE_METRICS, too, must be as it was). Use a head for that encoder, or a span that this one has scored"
    )
