"""Labelled items of one kind, grouped and split, and nothing fitted yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.heads import SplitSize
from workers.training.copies import groups_of, near_copies
from workers.training.evaluation import Split
from workers.training.gathering import Example, ParentExample
from workers.training.labelled import Array, Labelled, places_of
from workers.training.problems import Warnings
from workers.training.splits import SHARES, check_classes, check_enough, given_splits, split_of


@dataclass(frozen=True, slots=True)
class Choices:
    """What was asked for: the seed, the binary cut, and whether a learning curve is wanted."""

    seed: int = 0
    cut: float = 0.5
    curve: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The labelled items of one kind with their splits; of labelled parents the groups."""

    kind: str
    examples: tuple[Example, ...]
    items: Labelled
    splits: tuple[Split, ...]
    parents: tuple[ParentExample, ...]
    parent_groups: tuple[str, ...]
    metrics: tuple[str, ...]

    def places(self, *wanted: Split) -> NDArray[np.int64]:
        """Return the places of the items whose split is one of those wanted."""
        return places_of(self.splits, *wanted)

    def groups(self, *wanted: Split) -> set[str]:
        """Return the groups of the items whose split is one of those wanted."""
        return {self.items.groups[place] for place in self.places(*wanted).tolist()}

    def sizes(self) -> dict[str, SplitSize]:
        """Return what each split holds."""
        good = self.items.good
        return {
            split: SplitSize(
                items=len(self.places(split)),
                groups=len(self.groups(split)),
                good=int(good[self.places(split)].sum()),
            )
            for split in SHARES
        }


def draw(
    examples: Sequence[Example],
    parents: Sequence[ParentExample],
    metrics: Sequence[str],
    choices: Choices,
    warnings: Warnings,
) -> Drawn:
    """Group and split items of one kind, of which there is at least one.

    Raises:
        LabelsError: there are too few of them, of one class alone, or in too few groups; or the labels' own splits
            cannot be used.
    """
    usable = _measured(examples, metrics, warnings)
    labels = np.array([one.row.label for one in usable])
    check_enough(labels >= choices.cut, choices.cut)
    embeddings = np.stack([one.entry.embedding for one in usable])
    whole = np.stack([*embeddings, *(entry.embedding for one in parents for entry in one.entries)])
    rows = [*(one.rows for one in usable), *((one.row,) for one in parents for _ in one.entries)]
    groups = groups_of(rows, near_copies(whole))
    items = Labelled(embeddings, vectors(usable, metrics), labels, groups[: len(usable)], choices.cut)
    starts = np.cumsum([len(usable), *(len(one.entries) for one in parents)])[:-1]
    return Drawn(
        kind=examples[0].kind,
        examples=tuple(usable),
        items=items,
        splits=_splits(usable, items, choices.seed),
        parents=tuple(parents),
        parent_groups=tuple(groups[start] for start in starts.tolist()),
        metrics=tuple(metrics),
    )


def vectors(examples: Sequence[Example], metrics: Sequence[str]) -> Array:
    """Return the metrics of examples in this order, (n, m)."""
    return np.array([[one.entry.metrics[name] for name in metrics] for one in examples], dtype=np.float64)


def _splits(examples: Sequence[Example], items: Labelled, seed: int) -> tuple[Split, ...]:
    rows = [row for one in examples for row in one.rows]
    if any(row.split is not None for row in rows):
        groups = [group for group, one in zip(items.groups, examples, strict=True) for _ in one.rows]
        given_splits([row.split for row in rows], groups, [str(row) for row in rows])
        splits = tuple(one.row.split for one in examples if one.row.split is not None)
    else:
        splits = split_of(items.groups, items.good, seed)
    check_classes(splits, items.good)
    return splits


def _measured(examples: Sequence[Example], metrics: Sequence[str], warnings: Warnings) -> list[Example]:
    """Return the examples whose metrics are all there and finite, and name the others."""
    lacking = [[name for name in metrics if not np.isfinite(one.entry.metrics.get(name, np.nan))] for one in examples]
    bad = [f"{one.row}: {', '.join(names)}" for one, names in zip(examples, lacking, strict=True) if names]
    if bad:
        warnings.add(f"left out, since metrics of theirs have no value (NaN): {len(bad)}", bad)
    return [one for one, names in zip(examples, lacking, strict=True) if not names]
