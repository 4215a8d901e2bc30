"""Fits heads to rows: fusion, logistic regression, the small network. Seeded, and the same on every run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from workers.heads import Features, LogisticHead, MlpHead, Network
from workers.heads.networks import MLP_DROPOUT, MLP_WIDTHS
from workers.training.dataset import Rows

Array = NDArray[np.float64]
_TINY = 1e-6
_LEAST_SPREAD = 0.05  # of the spread over all items: some metrics are constant in clean material


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is fitted: components of the embedding (0: metrics alone), their weight, and the regularisation."""

    components: int = 32
    block_weight: float = 1.0
    inverse_penalty: float = 0.1
    epochs: int = 20
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-1


def fit_features(rows: Rows, recipe: Recipe) -> Features:
    """Fit the fusion: principal components of the standardised embedding, and what is usual in clean items."""
    embeddings = rows.embeddings.astype(np.float64)
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0) + _TINY
    projection = np.zeros((embeddings.shape[1], 0))
    if recipe.components:
        standard = (embeddings - mean) / spread
        axes = _principal_axes(standard, recipe.components)
        largest = (standard @ axes[:, :1]).std() + _TINY
        projection = axes / spread[:, None] * (recipe.block_weight / largest)
    clean = rows.metrics[rows.severities == 0]
    low, below, centre, above, high = np.percentile(clean, (2, 16, 50, 84, 98), axis=0)
    scale = np.maximum((above - below) / 2, _LEAST_SPREAD * rows.metrics.std(axis=0)) + _TINY
    features = Features(mean, projection, centre, scale, low, high)
    return features.rounded()  # the head is to be trained on what it will be served


def _principal_axes(standard: Array, count: int) -> Array:
    """Return the first principal axes, (d, count), each with its largest entry positive."""
    _, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
    axes = vectors[:, ::-1][:, :count]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(axes * signs)


def fit_logistic(features: Array, rows: Rows, recipe: Recipe) -> LogisticHead:
    """Fit logistic regression to soft labels: each item counts as good with its label's share, as bad with the rest."""
    targets, weights = rows.targets, rows.weights
    model = LogisticRegression(C=recipe.inverse_penalty, max_iter=2000)
    model.fit(
        np.concatenate([features, features]),
        np.repeat([1, 0], len(targets)),
        sample_weight=np.concatenate([targets * weights, (1.0 - targets) * weights]),
    )
    return LogisticHead(model.coef_[0].astype(np.float64), model.intercept_.astype(np.float64))


def fit_mlp(features: Array, rows: Rows, recipe: Recipe, seed: int) -> MlpHead:
    """Fit f - 256 - 64 - 1 with AdamW and binary cross-entropy on logits; no encoder runs here.

    The global random generator of torch is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = mlp_module(features.shape[1]).train()
        _descend(model, features, rows, recipe)
    linear = [layer for layer in model.eval() if isinstance(layer, torch.nn.Linear)]
    first, second, third = (layer.weight.detach().double().numpy() for layer in linear)
    biases = tuple(layer.bias.detach().double().numpy() for layer in linear)
    return MlpHead((first, second, third), (biases[0], biases[1], biases[2]))


def mlp_module(width: int) -> torch.nn.Sequential:
    """Return the network as torch has it, with dropout; it emits a logit."""
    layers: list[torch.nn.Module] = []
    for size in MLP_WIDTHS:
        layers += [torch.nn.Linear(width, size), torch.nn.ReLU(), torch.nn.Dropout(MLP_DROPOUT)]
        width = size
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 1))


def _descend(model: torch.nn.Sequential, features: Array, rows: Rows, recipe: Recipe) -> None:
    inputs = torch.from_numpy(features).float()
    targets, weights = torch.from_numpy(rows.targets).float(), torch.from_numpy(rows.weights).float()
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    for _ in range(recipe.epochs):
        for chosen in torch.split(torch.randperm(len(inputs)), recipe.batch):
            logits = model(inputs[chosen])[:, 0]
            losses = functional.binary_cross_entropy_with_logits(logits, targets[chosen], reduction="none")
            loss = (losses * weights[chosen]).sum() / weights[chosen].sum()  # a partial last batch weighs no more
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()


def fit_network(model: str, features: Features, rows: Rows, recipe: Recipe, seed: int) -> Network:
    """Fit the network of a head, "logistic" or "mlp", on rows that are fused as given."""
    fused = features.fuse(rows.embeddings, rows.metrics)
    return fit_mlp(fused, rows, recipe, seed) if model == "mlp" else fit_logistic(fused, rows, recipe)
