"""Labelled items without an encoder: rows whose embedding and metrics both tell a little of the label."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.unit.workers.heads import ENCODING
from workers.entries import Entry
from workers.heads import Head
from workers.training.drawn import Choices, Drawn, draw
from workers.training.gathering import Example
from workers.training.labels import LabelRow
from workers.training.problems import Warnings

METRICS = ("sharpness", "noise_sigma", "brightness", "contrast")


def row(line: int, label: float, **more: object) -> LabelRow:
    name = f"{line:03d}.png"
    fields = {"line": line, "name": name, "path": Path(name), "index": None, "label": label, **more}
    return LabelRow(**fields)  # type: ignore[arg-type]


def examples(
    count: int = 160, groups: int = 20, seed: int = 0, dimension: int = 12, noise: float = 0.8
) -> list[Example]:
    """Return items of groups in turn; "blurry" ones have low sharpness, "noisy" ones have it in the embedding alone."""
    rng = np.random.default_rng(seed)
    made = []
    for place in range(count):
        defects: tuple[str, ...] = tuple(name for name in ("blurry", "noisy") if rng.random() < 0.35)
        label = float(np.clip(0.9 - 0.45 * len(defects) + rng.normal(0, 0.05), 0.0, 1.0))
        embedding = rng.normal(0, 1.0, dimension)
        embedding[0] += ("noisy" in defects) * 2.0 / noise
        metrics = dict(zip(METRICS, rng.normal(0, 1.0, len(METRICS)), strict=True))
        metrics["sharpness"] -= ("blurry" in defects) * 2.0 / noise
        own = row(place + 2, label, defects=defects, group=f"g{place % groups}")
        entry = Entry(embedding.astype(np.float32), metrics)
        made.append(Example(own, "image", f"key-{place}", f"{place:064d}", entry, (own,)))
    return made


def drawn(count: int = 160, *, choices: Choices | None = None, warnings: Warnings | None = None, **more: int) -> Drawn:
    return draw(examples(count, **more), (), METRICS, choices or Choices(), warnings or Warnings())


def head_of(folder: Path, dimension: int = 12) -> Head:
    """Load a head that was written from these items."""
    encoding = ENCODING.model_copy(update={"dimension": dimension})
    return Head.load(folder, encoding, dict.fromkeys(METRICS, "1"))


class Wide:
    """What of an encoder a manifest needs."""

    def __init__(self, dimension: int = 12) -> None:
        self.encoding = ENCODING.model_copy(update={"dimension": dimension})
        self.dimension = dimension
