"""From rows of labels to labelled features: files are opened, duplicates merged, what cannot be read is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from schemas.items import RawItem
from workers.entries import Entry
from workers.results import Failed
from workers.sources import Parent, SourceError, SourceOptions, discover, open_parent
from workers.training.featuring import BATCH, Featurer
from workers.training.labels import LabelRow, Labels
from workers.training.problems import LabelsError, Warnings

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A labelled item with its features.

    `key` is its cache entry's: two examples of one key are one content, whose rows are all in `rows`.
    """

    row: LabelRow
    kind: str
    key: str
    sha256: str
    entry: Entry
    rows: tuple[LabelRow, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ParentExample:
    """A labelled parent with the features of its items, in order; `failed` of its items have none."""

    row: LabelRow
    kind: str
    entries: tuple[Entry, ...]
    keys: tuple[str, ...]
    failed: int


@dataclass(slots=True)
class Gathered:
    """What came of the labels, by kind."""

    items: dict[str, list[Example]] = field(default_factory=lambda: defaultdict(list))
    parents: dict[str, list[ParentExample]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True)
class Gatherer:
    """Opens what labels name, and has features made of it. `done` counts rows."""

    featurer: Featurer
    warnings: Warnings
    options: SourceOptions
    progress: Progress
    total: int = 0
    done: int = 0
    left_out: list[str] = field(default_factory=list)
    not_alone: list[str] = field(default_factory=list)

    def gather(self, labels: Labels, cut: float) -> Gathered:
        """Return all rows with their features.

        Raises:
            LabelsError: a row names a file of several items, or an item that its file does not have.
            EncoderError: an encoder is missing or broken.
        """
        self.total, found = len(labels.rows), Gathered()
        waiting: dict[str, list[tuple[LabelRow, RawItem]]] = defaultdict(list)
        for row, item in self._opened(labels.items):
            kind = row.kind or item.envelope.kind
            waiting[kind].append((row, item))
            if len(waiting[kind]) == BATCH:
                found.items[kind] += self._examples(kind, waiting.pop(kind))
        for kind, rest in waiting.items():
            found.items[kind] += self._examples(kind, rest)
        if self.not_alone:
            raise LabelsError(
                "these files hold several items: name one as FILE#INDEX, or give the label to the whole as `parent`",
                self.not_alone,
            )
        for row in labels.parents:
            self._parent(row, found)
        if self.left_out:
            self.warnings.add(f"left out, since they cannot be read: {len(self.left_out)}", self.left_out)
        found.items = {kind: merged(own, cut, self.warnings) for kind, own in found.items.items()}
        return found

    def _opened(self, rows: Sequence[LabelRow]) -> Iterator[tuple[LabelRow, RawItem]]:
        """Yield the rows with their items, each file read once; what cannot be opened is noted."""
        of_path: dict[Path, list[LabelRow]] = defaultdict(list)
        for row in rows:
            of_path[row.path].append(row)
        for path, own in of_path.items():
            try:
                yield from self._of_file(open_parent(path, options=self.options), own)
            except SourceError as error:
                self._drop(own, error.problem)

    def _of_file(self, parent: Parent, rows: Sequence[LabelRow]) -> Iterator[tuple[LabelRow, RawItem]]:
        wanted = {0 if row.index is None else row.index for row in rows}
        whole = any(row.index is None for row in rows)
        items = dict(enumerate(islice(parent.items, max(*wanted, 1 if whole else 0) + 1)))
        for row in rows:
            if row.index is None and len(items) > 1:
                self.not_alone.append(str(row))
            elif (row.index or 0) in items:
                yield row, items[row.index or 0]
            else:
                self._drop([row], f"holds {len(items)} items, counted from 0")

    def _examples(self, kind: str, waiting: Sequence[tuple[LabelRow, RawItem]]) -> Iterator[Example]:
        results = self.featurer.features(kind, [item for _, item in waiting])
        for (row, item), result in zip(waiting, results, strict=True):
            self._count()
            if isinstance(result, Failed):
                self.left_out.append(f"{row}: {result.cause}: {result.detail}")
            else:
                yield Example(row, kind, result[0], item.envelope.content_hash or "", result[1], (row,))

    def _parent(self, row: LabelRow, found: Gathered) -> None:
        opened = discover([row.path], source="files", options=self.options)
        if len(opened.found) != 1:
            problem = opened.problems[0].problem if opened.problems else f"holds {len(opened.found)} parents, not one"
            self._drop([row], problem)
            return
        try:
            parent = opened.found[0].open()
            results = [one for batch in _batches(parent.items) for one in self._parts(row.kind or parent.kind, batch)]
        except SourceError as error:
            self._drop([row], error.problem)
            return
        good = [result for result in results if not isinstance(result, Failed)]
        self._count()
        if not good:
            self.left_out.append(f"{row}: none of its {len(results)} items can be read")
            return
        kind, keys = row.kind or parent.kind, tuple(key for key, _ in good)
        entries = tuple(entry for _, entry in good)
        found.parents[kind].append(ParentExample(row, kind, entries, keys, len(results) - len(good)))

    def _parts(self, kind: str, items: Sequence[RawItem]) -> list[tuple[str, Entry] | Failed]:
        return self.featurer.features(kind, [item for item in items if not item.envelope.empty])

    def _drop(self, rows: Sequence[LabelRow], problem: str) -> None:
        self.left_out += [f"{row}: {problem}" for row in rows]
        self._count(len(rows))

    def _count(self, rows: int = 1) -> None:
        self.done += rows
        self.progress("features", self.done, self.total)


def _batches(items: Iterable[RawItem]) -> Iterator[list[RawItem]]:
    waiting = iter(items)
    while batch := list(islice(waiting, BATCH)):
        yield batch


def merged(examples: Sequence[Example], cut: float, warnings: Warnings) -> list[Example]:
    """Return the examples without duplicates: each content once.

    Labels of one content on the same side of the cut become their mean; where they are on both sides, none of them is
    kept. Groups that share a content become one where groups are made (copies.py).
    """
    of_key: dict[str, list[Example]] = defaultdict(list)
    for one in examples:
        of_key[one.key].append(one)
    several = [own for own in of_key.values() if len(own) > 1]
    clashing = [own for own in several if len({one.row.label >= cut for one in own}) > 1]
    if clashing:
        warnings.add(
            f"the same content has labels on both sides of the cut at {cut:g}: none of these rows is used",
            [", ".join(f"{one.row} ({one.row.label:g})" for one in own) for own in clashing],
        )
    agreeing = [own for own in several if own not in clashing]
    if agreeing:
        warnings.add(
            "the same content is labelled more than once: it counts once, with the mean of its labels",
            [", ".join(str(one.row) for one in own) for own in agreeing],
        )
    dropped = {own[0].key for own in clashing}
    return [_one_of(own) for key, own in of_key.items() if key not in dropped]


def _one_of(own: Sequence[Example]) -> Example:
    first = own[0]
    if len(own) == 1:
        return first
    named = [one.row.defects for one in own if one.row.defects is not None]
    defects = tuple(dict.fromkeys(name for names in named for name in names)) if named else None
    label = sum(one.row.label for one in own) / len(own)
    return replace(first, row=replace(first.row, label=label, defects=defects), rows=tuple(one.row for one in own))
