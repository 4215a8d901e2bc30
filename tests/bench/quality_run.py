"""What is measured of a kind: its items, and what each recipe makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from tests.bench import quality_calibration as calibration
from tests.bench.quality_calibration import Judged
from tests.bench.quality_material import Material
from tests.bench.quality_recipes import (
    MODELS,
    Array,
    Method,
    Model,
    Scorer,
    embedding_alone,
    fused,
    guide,
    metrics_alone,
)
from tests.bench.quality_trial import FAMILIES, OUTER, Fold, held_out, joined, left_out, nested, whole
from workers.encoders import Encoder
from workers.heads.networks import sigmoid
from workers.media import Medium
from workers.training.dataset import Amounts, Collector, Label, Rows, damages, plan
from workers.training.fit import Recipe
from workers.training.parts import Part

GUIDE, BUNDLED = "the guide's recipe (last layer, MLP)", "the bundled recipe"
METRICS, EMBEDDING, FUSED = "cheap metrics alone", "embedding alone", "both"
_COPIES = 3  # clean variants of each hard item

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """A distortion family: what was tested, and logits of scorers that never saw it, by method."""

    rows: Rows
    logits: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Hard:
    """Clean but hard items of a category: their sources and scores in [0,1], (n,), by method."""

    sources: tuple[str, ...]
    scores: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """All that was measured of a kind. `logits` (n,) are of held-out sources, by method."""

    kind: str
    rows: Rows
    logits: Mapping[str, Array]
    models: Counter[Model]
    families: Mapping[str, LeftOut]
    hard: Mapping[str, Hard]
    items: Judged
    parents: Judged


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be measured of one kind: its material, how much of it, the recipe, the seed, whom to tell."""

    made: Material
    amounts: Amounts
    recipe: Recipe
    seed: int
    progress: Progress


def collected(job: Job, encoder: Encoder) -> Rows:
    """Return the rows of a kind's sources, undamaged and with every damage, at all severities."""
    total = job.amounts.items(job.made.parts, len(damages(job.made.family)))
    collector = Collector(encoder, job.made.family)
    return collector.collect(planned(job, job.made.parts), lambda done: job.progress("items", done, total))


def planned(job: Job, parts: Sequence[Part]) -> Iterator[tuple[Label, Medium]]:
    """Yield the items of parts; those of a part are the same whatever other parts there are."""
    return plan(parts, job.made.variant, damages(job.made.family), job.amounts, job.seed)


def hard_rows(job: Job, encoder: Encoder) -> dict[str, Rows]:
    """Return the rows of the clean but hard sources, by category."""
    found = {}
    for place, (category, parts) in enumerate(job.made.hard.items()):
        items = ((Label(part.name, "", 0), medium) for part in parts for medium in _variants(job, part))
        found[category] = Collector(encoder, job.made.family).collect(items, lambda _done: None)
        job.progress("hard items", place + 1, len(job.made.hard))
    return found


def _variants(job: Job, part: Part) -> list[Medium]:
    """Return clean variants of a part; texts stay as they are, since cutting them would take their form away."""
    if job.made.family == "chunk":
        return list(part.media)
    rng = np.random.default_rng([job.seed, *part.name.encode()])
    return [job.made.variant(medium, rng) for medium in part.media for _ in range(_COPIES)]


def methods(encoder: str, recipe: Recipe) -> dict[str, Method]:
    """Return what is compared, by name; the bundled recipe is not among them, as it takes inner folds."""
    found: dict[str, Method] = {GUIDE: guide(encoder)}
    for model in MODELS:
        found[f"{METRICS}, {model}"] = metrics_alone(model, recipe)
        found[f"{EMBEDDING}, {model}"] = embedding_alone(model, recipe)
        found[f"{FUSED}, {model}"] = fused(model, recipe)
    return found


def measured(job: Job, rows: Rows, hard: Mapping[str, Rows]) -> Found:
    """Return all that is measured of a kind's rows."""
    compared, families = methods(job.made.encoder, job.recipe), FAMILIES[job.made.family]
    steps = count(1)
    total = len(compared) + OUTER + len(families) + 2

    def step() -> None:
        job.progress("fits", next(steps), total)

    logits = {}
    for name, method in compared.items():
        logits[name] = held_out(rows, method, job.seed)
        step()
    found = nested(rows, job.recipe, job.seed, step)
    logits[BUNDLED] = joined(found)
    left = {}
    for name, own in families.items():
        left[name] = _left_out(job, rows, own, found)
        step()
    scored = _hard(job, rows, hard, step)
    judged = calibration.items(rows, found), calibration.parents(rows, found, job.seed)
    return Found(job.made.kind, rows, logits, Counter(fold.model for fold in found), left, scored, *judged)


def _left_out(job: Job, rows: Rows, names: tuple[str, ...], found: tuple[Fold, ...]) -> LeftOut:
    """Return a family left out; the models are those that inner folds chose with all families."""
    compared: dict[str, list[Method]] = {
        BUNDLED: [fused(fold.model, job.recipe) for fold in found],
        METRICS: [metrics_alone(fold.model, job.recipe) for fold in found],
        GUIDE: [guide(job.made.encoder) for _ in found],
    }
    scored = {name: left_out(rows, names, own, job.seed) for name, own in compared.items()}
    return LeftOut(scored[BUNDLED][0], {name: logits for name, (_, logits) in scored.items()})


def _hard(job: Job, rows: Rows, hard: Mapping[str, Rows], step: Callable[[], None]) -> dict[str, Hard]:
    """Return the scores of hard items by scorers that were made of all rows."""
    scorers: dict[str, Scorer] = {}
    for name, make in ((BUNDLED, fused), (METRICS, metrics_alone)):
        scorers[name] = whole(rows, job.recipe, job.seed, make)
        step()
    return {
        category: Hard(
            tuple(label.part for label in own.labels), {name: sigmoid(score(own)) for name, score in scorers.items()}
        )
        for category, own in hard.items()
    }
