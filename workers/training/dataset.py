"""From parts to rows: clean variants and damaged copies, through the very encoder and metrics that serve."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.damage import CHUNK_DAMAGES, PICTURE_DAMAGES, SLICE_DAMAGES
from workers.encoders import Encoder, Prepared
from workers.media import Chunk, Medium, Picture, Slice
from workers.metrics import METRIC_NAMES, Family, measure
from workers.training.parts import Part, hashed, spread

SOFT_LABELS = (1.0, 0.7, 0.45, 0.2, 0.05, 0.0)
"""The quality that a severity of 0 (undamaged) to 5 (useless) is taught as."""

SEVERITIES = 5
_BATCH = 16

Variant = Callable[[Medium, np.random.Generator], Medium]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many items are made.

    Of at most `media` media of each part `variants`, and of each of them `clean` undamaged items and `copies` with each
    damage, at different severities.
    """

    media: int = 12
    variants: int = 2
    clean: int = 3
    copies: int = 2

    def items(self, parts: Sequence[Part], damages: int) -> int:
        """Return how many items that makes."""
        media = sum(min(len(part.media), self.media) for part in parts)
        return media * self.variants * (self.clean + damages * self.copies)


@dataclass(frozen=True, slots=True)
class Label:
    """What an item is: of which part, with which damage ("" for none) at which severity."""

    part: str
    damage: str
    severity: int


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Items as features: `embeddings` float32 (n, d), `metrics` float64 (n, m), and what each is."""

    embeddings: NDArray[np.float32]
    metrics: NDArray[np.float64]
    labels: tuple[Label, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def severities(self) -> NDArray[np.int64]:
        """0 for undamaged to 5, (n,)."""
        return np.array([label.severity for label in self.labels], dtype=np.int64)

    @property
    def targets(self) -> NDArray[np.float64]:
        """The taught quality, (n,) in [0,1]."""
        return np.asarray(np.array(SOFT_LABELS)[self.severities])

    @property
    def weights(self) -> NDArray[np.float64]:
        """How much each counts in training, (n,): the undamaged ones together as much as the damaged ones."""
        clean = self.severities == 0
        return np.where(clean, max(1, int((~clean).sum())) / max(1, int(clean.sum())), 1.0)

    def take(self, chosen: NDArray[np.bool_]) -> Rows:
        """Return the rows where `chosen` (n,) is true."""
        labels = tuple(label for label, keep in zip(self.labels, chosen, strict=True) if keep)
        return Rows(self.embeddings[chosen], self.metrics[chosen], labels)


def damages(family: Family) -> tuple[str, ...]:
    """Return the names of a family's damages."""
    registries: Mapping[Family, Iterable[str]] = {
        "picture": PICTURE_DAMAGES,
        "slice": SLICE_DAMAGES,
        "chunk": CHUNK_DAMAGES,
    }
    return tuple(registries[family])


def damaged(medium: Medium, name: str, severity: int, rng: np.random.Generator) -> Medium:
    """Return a damaged copy; KeyError if the medium's family has no damage of this name."""
    match medium:
        case Picture():
            return PICTURE_DAMAGES[name](medium, severity, rng)
        case Slice():
            return SLICE_DAMAGES[name](medium, severity, rng)
        case Chunk():
            return CHUNK_DAMAGES[name](medium, severity, rng)


def plan(
    parts: Sequence[Part], variant: Variant, names: Sequence[str], amounts: Amounts, seed: int
) -> Iterator[tuple[Label, Medium]]:
    """Yield items with what they are. An item depends on the seed, its part and its place alone, not on other parts."""
    for part in parts:
        for place in spread(len(part.media), amounts.media):
            for copy in range(amounts.variants):
                rng = np.random.default_rng([seed, int(hashed(part.name.encode())[:8], 16), place, copy])
                medium = part.media[place]
                for _ in range(amounts.clean - 1):
                    yield Label(part.name, "", 0), variant(medium, rng)
                clean = variant(medium, rng)
                yield Label(part.name, "", 0), clean
                for name in names:
                    for severity in rng.choice(SEVERITIES, amounts.copies, replace=False) + 1:
                        yield Label(part.name, name, int(severity)), damaged(clean, name, int(severity), rng)


@dataclass(slots=True)
class Collector:
    """Measures and embeds items, each once, in batches of one shape."""

    encoder: Encoder
    family: Family
    _labels: list[Label] = field(default_factory=list)
    _measured: list[list[float]] = field(default_factory=list)
    _buckets: dict[Hashable, list[tuple[int, Prepared]]] = field(default_factory=dict)
    _embeddings: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def collect(self, items: Iterable[tuple[Label, Medium]], progress: Callable[[int], None]) -> Rows:
        """Return the items as rows, calling `progress` with how many are done.

        Items are read one by one: a picture is large, and its features are small.
        """
        for label, medium in items:
            self._add(label, medium)
            progress(len(self._labels))
        for waiting in self._buckets.values():
            self._embed(waiting)
        ordered = [self._embeddings[place] for place in range(len(self._labels))]
        return Rows(np.stack(ordered), np.array(self._measured, dtype=np.float64), tuple(self._labels))

    def _add(self, label: Label, medium: Medium) -> None:
        values = measure(medium)
        self._measured.append([values[name] for name in METRIC_NAMES[self.family]])
        prepared = self.encoder.prepare(medium)
        waiting = self._buckets.setdefault(self.encoder.bucket(prepared), [])
        waiting.append((len(self._labels), prepared))
        self._labels.append(label)
        if len(waiting) == _BATCH:
            self._embed(waiting)

    def _embed(self, waiting: list[tuple[int, Prepared]]) -> None:
        if waiting:
            rows = self.encoder.embed([prepared for _, prepared in waiting])
            self._embeddings.update(zip((place for place, _ in waiting), rows, strict=True))
            waiting.clear()
