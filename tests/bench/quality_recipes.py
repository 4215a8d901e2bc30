"""The recipes that `make bench-quality` compares: how a scorer is made of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.heads import Features
from workers.training.dataset import Rows
from workers.training.fit import Recipe, fit_features, fit_network
from workers.training.learning import descend

Array = NDArray[np.float64]
Model = Literal["logistic", "mlp"]
Scorer = Callable[[Rows], Array]
"""Returns logits (n,) of rows."""
Method = Callable[[Rows, int], Scorer]
"""Fits a scorer to rows; the seed decides all that is random."""

MODELS: tuple[Model, ...] = ("logistic", "mlp")
LAST_LAYER: Mapping[str, slice] = MappingProxyType(
    {"efficientnet-lite0": slice(0, 1280), "all-minilm-l6-v2": slice(-384, None)}
)
"""Where the last layer lies in the embedding of an encoder."""

_EPOCHS = 10  # the guide's, section 10; it names no batch size


def guide(encoder: str) -> Method:
    """Return the guide's recipe as it is written: the last layer, unscaled, into its MLP, by Adam, ten epochs.

    Its one change: the loss is taken of logits, which is the same one and safe.
    """
    columns = LAST_LAYER[encoder]

    def last_layer(rows: Rows) -> Array:
        return rows.embeddings[:, columns].astype(np.float64)

    def fit(rows: Rows, seed: int) -> Scorer:
        network = descend(last_layer(rows), rows.targets, seed=seed, epochs=_EPOCHS).network
        return lambda unseen: network.logits(last_layer(unseen))

    return fit


def fused(model: Model, recipe: Recipe) -> Method:
    """Return the recipe of the bundled heads, with one of its two models."""
    return _method(model, recipe, lambda features: features)


def metrics_alone(model: Model, recipe: Recipe) -> Method:
    """Return the same recipe without the embedding: what anyone could have for free."""
    return _method(model, recipe, lambda features: replace(features, projection=features.projection[:, :0]))


def embedding_alone(model: Model, recipe: Recipe) -> Method:
    """Return the same recipe without the cheap metrics."""
    return _method(model, recipe, _without_metrics, metrics=0)


def _method(model: Model, recipe: Recipe, part: Callable[[Features], Features], metrics: int | None = None) -> Method:
    def fit(rows: Rows, seed: int) -> Scorer:
        features = part(_features(rows, recipe))
        own = replace(rows, metrics=rows.metrics[:, :metrics])
        network = fit_network(model, features, own, recipe, seed)
        return lambda unseen: network.logits(features.fuse(unseen.embeddings, unseen.metrics[:, :metrics]))

    return fit


def _without_metrics(features: Features) -> Features:
    none = features.centre[:0]
    return replace(features, centre=none, scale=none, low=none, high=none)


_MOST_KEPT = 64
_kept: dict[tuple[bytes, Recipe], Features] = {}


def _features(rows: Rows, recipe: Recipe) -> Features:
    """Return the recipe's features; those of the same rows are worked out once, as all of its models share them."""
    digest = hashlib.blake2b(rows.embeddings.tobytes(), digest_size=16)
    digest.update(rows.metrics.tobytes())
    digest.update(rows.severities.tobytes())
    key = digest.digest(), recipe
    if key not in _kept:
        if len(_kept) == _MOST_KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = fit_features(rows, recipe)
    return _kept[key]
