"""Cross-validation by source: no source is ever in training and in test, nor in calibration and in test.

Within each outer fold the sources that it trains on are cut into inner folds: these choose between the two models of
the recipe, set the scale of its logits, and give the calibrators logits of sources that their scorer has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tests.bench.quality_recipes import MODELS, Array, Method, Model, Scorer, fused
from workers.metrics import Family
from workers.training.anchors import anchors
from workers.training.dataset import Rows
from workers.training.fit import Recipe
from workers.training.parts import folds
from workers.training.statistics import auc

OUTER, INNER = 5, 4
Mask = NDArray[np.bool_]

FAMILIES: Mapping[Family, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "picture": {
            "blur": ("gaussian_blur", "motion_blur", "low_resolution"),
            "noise": ("gaussian_noise",),
            "coding": ("jpeg_compression", "dropped_blocks"),
            "exposure": ("dark", "bright"),
            "occlusion": ("occlusion",),
        },
        "slice": {
            "motion": ("motion", "ghosting"),
            "noise": ("noise",),
            "blur": ("blur", "soft_focus"),
            "field": ("bias_field", "dropout"),
            "spikes": ("spikes",),
        },
        "chunk": {
            "recognition": ("ocr_noise",),
            "order": ("shuffled_words",),
            "repetition": ("repetition",),
            "boilerplate": ("boilerplate",),
            "length": ("truncated",),
        },
    }
)
"""Distortions that are alike: leaving one out says how a scorer does on what nobody thought of."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One outer fold: what is trained on and tested on (n,), the model that inner folds chose, and its logits.

    `inner` (seen,) are logits of the rows trained on, each from a scorer that has not seen its source; `outer`
    (unseen,) those of the rows tested on. Both are on the recipe's scale.
    """

    seen: Mask
    unseen: Mask
    model: Model
    inner: Array
    outer: Array


def sources(rows: Rows) -> NDArray[np.str_]:
    """Return the source of each row, (n,)."""
    return np.array([label.part for label in rows.labels])


def good(rows: Rows) -> Array:
    """Return 1.0 for undamaged rows and 0.0 for damaged ones, (n,)."""
    return np.asarray(rows.severities == 0, dtype=np.float64)


def splits(names: Sequence[str] | NDArray[np.str_], count: int) -> Iterator[tuple[Mask, Mask]]:
    """Yield (seen, unseen) for each of `count` folds over the names of sources, (n,) each."""
    of_source = folds([str(name) for name in names], count)
    place = np.array([of_source[str(name)] for name in names])
    for fold in sorted(set(place.tolist())):
        yield place != fold, place == fold


def held_out(rows: Rows, method: Method, seed: int, count: int = OUTER) -> Array:
    """Return logits (n,) from scorers that have not seen the row's source."""
    logits = np.zeros(len(rows))
    for seen, unseen in splits(sources(rows), count):
        logits[unseen] = method(rows.take(seen), seed)(rows.take(unseen))
    return logits


def chosen(rows: Rows, recipe: Recipe, seed: int, count: int, make: MakeMethod = fused) -> tuple[Model, Array]:
    """Return the model that does better on sources held out, and its logits there, (n,), on the recipe's scale."""
    found = {model: held_out(rows, make(model, recipe), seed, count) for model in MODELS}
    best = max(MODELS, key=lambda model: auc(good(rows), found[model]))
    return best, found[best]


MakeMethod = Callable[[Model, Recipe], Method]


def nested(rows: Rows, recipe: Recipe, seed: int, progress: Callable[[], None]) -> tuple[Fold, ...]:
    """Return the bundled recipe's outer folds."""
    found = []
    for seen, unseen in splits(sources(rows), OUTER):
        train = rows.take(seen)
        model, inner = chosen(train, recipe, seed, INNER)
        slope, shift = anchors(train.severities, inner)
        outer = fused(model, recipe)(train, seed)(rows.take(unseen))
        found.append(Fold(seen, unseen, model, inner * slope + shift, outer * slope + shift))
        progress()
    return tuple(found)


def joined(found: Sequence[Fold]) -> Array:
    """Return the outer logits of all folds, (n,)."""
    logits = np.zeros(len(found[0].seen))
    for fold in found:
        logits[fold.unseen] = fold.outer
    return logits


def left_out(rows: Rows, names: Sequence[str], methods: Sequence[Method], seed: int) -> tuple[Rows, Array]:
    """Return what was tested, and logits (n,) of scorers that saw neither the source nor any damage of these names.

    Tested are undamaged rows and those with these damages. `methods` has one for each outer fold.
    """
    damage = np.array([label.damage for label in rows.labels])
    own, clean = np.isin(damage, names), damage == ""
    logits = np.full(len(rows), np.nan)
    for method, (seen, unseen) in zip(methods, splits(sources(rows), OUTER), strict=True):
        tested = unseen & (own | clean)
        logits[tested] = method(rows.take(seen & ~own), seed)(rows.take(tested))
    kept = ~np.isnan(logits)
    return rows.take(kept), logits[kept]


def whole(rows: Rows, recipe: Recipe, seed: int, make: MakeMethod = fused) -> Scorer:
    """Return the scorer that the recipe makes of all rows, on its scale."""
    model, logits = chosen(rows, recipe, seed, OUTER, make)
    slope, shift = anchors(rows.severities, logits)
    scorer = make(model, recipe)(rows, seed)
    return lambda unseen: scorer(unseen) * slope + shift
