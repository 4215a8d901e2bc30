"""Texts again, with perplexity among the cheap metrics. It is slow, so fewer sources are judged, and remembered."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.bench.quality_calibration import items
from tests.bench.quality_recipes import MODELS, Array, fused, metrics_alone
from tests.bench.quality_run import BUNDLED, FUSED, METRICS, Job, Progress, planned
from tests.bench.quality_tables import PERPLEXITY_GOAL, calibrated, headline
from tests.bench.quality_trial import held_out, joined, nested
from tests.bench.report import Figure
from workers.media import Chunk, Medium
from workers.metrics.perplexity import mean_surprise, oddness, surprises
from workers.metrics.smollm import LanguageModelError
from workers.training.dataset import Rows

_WHAT = "with perplexity"
_OFTEN = 50  # chunks between writes: a run that is killed has lost no more


class Known:
    """Mean surprise and count of tokens by text, on disk."""

    def __init__(self, folder: Path) -> None:
        """Read what `folder` holds."""
        self._path = folder / "surprise.json"
        self._known: dict[str, tuple[float, int]] = json.loads(self._path.read_text()) if self._path.is_file() else {}
        self._new = 0

    def of(self, chunk: Chunk) -> tuple[float, float]:
        """Return a text's perplexity and its oddness, as the metrics of these names have them.

        Raises:
            LanguageModelError: the language model is not installed, and the text is new.
        """
        key = hashlib.sha256(chunk.text.encode()).hexdigest()
        if key not in self._known:
            each = surprises(chunk)
            self._known[key] = mean_surprise(each), int(each.size)
            self._new += 1
            if self._new % _OFTEN == 0:
                self.close()
        mean, tokens = self._known[key]
        return float(np.exp(mean)), oddness(mean, tokens)

    def close(self) -> None:
        """Write all that is known."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        half = self._path.with_suffix(f".{os.getpid()}.part")  # two runs may write at once
        half.write_text(json.dumps(self._known))
        half.replace(self._path)


def figures(job: Job, rows: Rows, count: int, folder: Path) -> list[Figure]:
    """Return the figures with perplexity, of the first `count` sources, beside those of the same ones without it.

    `rows` are those of all sources, in the order of their plan.
    """
    parts, kind = job.made.parts[:count], job.made.kind
    names = {part.name for part in parts}
    few = rows.take(np.array([label.part in names for label in rows.labels]))
    try:
        added = _measured([medium for _, medium in planned(job, parts)], folder, job.progress)
    except LanguageModelError as error:
        return [Figure(f"{kind}: {_WHAT}", float("nan"), "AUC", f"not measured: {error}", f">= {PERPLEXITY_GOAL}")]
    more = replace(few, metrics=np.concatenate([few.metrics, added], axis=1))
    return list(_figures(job, few, more))


def _measured(media: list[Medium], folder: Path, shown: Progress) -> Array:
    known, found = Known(folder), []
    try:
        for done, medium in enumerate(media):
            if not isinstance(medium, Chunk):
                raise TypeError(f"a chunk is needed, not a {type(medium).__name__}")
            found.append(known.of(medium))
            shown("perplexity", done + 1, len(media))
    finally:
        known.close()
    return np.array(found, dtype=np.float64)


def _figures(job: Job, few: Rows, more: Rows) -> Iterator[Figure]:
    kind, recipe, seed = job.made.kind, job.recipe, job.seed
    found: dict[str, Array] = {}
    for model in MODELS:
        found[f"{METRICS}, {model}, {_WHAT}"] = held_out(more, metrics_alone(model, recipe), seed)
        found[f"{FUSED}, {model}, {_WHAT}"] = held_out(more, fused(model, recipe), seed)
        found[f"{FUSED}, {model}, the same sources without perplexity"] = held_out(few, fused(model, recipe), seed)
    for name, logits in found.items():
        yield from headline(kind, more, logits, name, None)
    folds = nested(more, recipe, seed, lambda: None)
    yield from headline(kind, more, joined(folds), f"{BUNDLED}, {_WHAT}", PERPLEXITY_GOAL)
    yield calibrated(f"{kind}: calibration error, items, {_WHAT}", items(more, folds))
