"""Fits fusion, logistic regression and the guide's network to soft labels. Seeded: the same on every run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch.nn import functional

from workers.heads import Features, LogisticHead, MlpHead
from workers.heads.networks import MLP_DROPOUT, MLP_WIDTHS
from workers.training.labelled import Array, Labelled

COMPONENTS: Final = 32
EPOCHS: Final = 30  # at most: inner folds say after which one to stop
BATCH: Final = 32
LEARNING_RATE: Final = 1e-3
_BETAS: Final = (0.9, 0.999)
_EPSILON: Final = 1e-8
_TINY: Final = 1e-6
_DEAD: Final = 1e-3  # of the median spread: a number of the embedding that varies less says nothing
_LEAST_SPREAD: Final = 0.05  # of a metric's spread over all items: some are constant in good ones
_LEAST_GOOD: Final = 8  # fewer good items have no usual range of their own


def fit_fusion(items: Labelled, *, whole: bool = False) -> Features:
    """Fit what a head's features are made with; see workers/heads/features.py.

    Args:
        items: What is trained on.
        whole: Keep all numbers of the embedding, each standardised, instead of its principal components as one block.
    """
    embeddings = items.embeddings.astype(np.float64)
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0)
    alive = spread > _DEAD * np.median(spread)
    inverse = np.where(alive, 1.0 / np.maximum(spread, _TINY), 0.0)
    standard = (embeddings - mean) * inverse
    if whole:
        projection = np.diag(inverse)
    else:
        axes = _principal_axes(standard, min(COMPONENTS, max(1, len(items) // 4)))
        projection = axes * inverse[:, None] / ((standard @ axes[:, :1]).std() + _TINY)
    usual = items.metrics[items.good] if items.good.sum() >= _LEAST_GOOD else items.metrics
    low, below, centre, above, high = np.percentile(usual, (2, 16, 50, 84, 98), axis=0)
    scale = np.maximum((above - below) / 2, _LEAST_SPREAD * items.metrics.std(axis=0)) + _TINY
    return Features(mean, projection, centre, scale, low, high).rounded()  # trained on what will be served


def _principal_axes(standard: Array, count: int) -> Array:
    """Return the first principal axes, (d, count), each with its largest entry positive."""
    _, _, rows = np.linalg.svd(standard, full_matrices=False)
    axes = rows[:count].T
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(axes * signs)


def fit_logistic(features: Array, labels: Array, inverse_penalty: float) -> LogisticHead:
    """Fit logistic regression to labels (n,) in [0,1]: an item counts as good with its label, as bad with the rest."""
    model = LogisticRegression(C=inverse_penalty, max_iter=5000)
    weights = np.concatenate([labels, 1.0 - labels])
    kept = weights > 0.0
    twice = np.concatenate([features, features])[kept]
    model.fit(twice, np.repeat([1, 0], len(labels))[kept], sample_weight=weights[kept])
    return LogisticHead(model.coef_[0].astype(np.float64), model.intercept_.astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """A trained network, and what each of its e epochs made of it.

    `train` (e,) and `held_out` (e,) are mean losses in nats after the epoch, without dropout; `logits` (e, h) those of
    the h items held out. Without such items the latter two are empty.
    """

    network: MlpHead
    train: Array
    held_out: Array
    logits: Array


def descend(
    features: Array,
    labels: Array,
    *,
    seed: int,
    epochs: int,
    held_out: tuple[Array, Array] | None = None,
    widths: Sequence[int] = MLP_WIDTHS,
) -> Descent:
    """Train f - 256 - 64 - 1 with Adam and binary cross-entropy on logits, as the guide has it. No encoder runs here.

    The global random generator of torch is left as it was.

    Args:
        features: (n, f), to train on.
        labels: (n,) in [0,1].
        seed: Decides weights, order and dropout.
        epochs: How many.
        held_out: Features and labels that are only looked at.
        widths: Of the two hidden layers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = guide_module(features.shape[1], widths)
        optimiser = Adam(list(module.parameters()))
        inputs, targets = torch.from_numpy(features).float(), torch.from_numpy(labels).float()
        losses, logits = [], []
        for _ in range(epochs):
            _epoch(module, optimiser, inputs, targets)
            losses.append(binary_cross_entropy(_logits(module, features), labels))
            logits.append(np.zeros(0) if held_out is None else _logits(module, held_out[0]))
    outside = [] if held_out is None else [binary_cross_entropy(own, held_out[1]) for own in logits]
    return Descent(_as_head(module), np.array(losses), np.array(outside), np.array(logits))


def guide_module(width: int, widths: Sequence[int] = MLP_WIDTHS) -> torch.nn.Sequential:
    """Return the guide's network, which emits a logit: dropout after the first layer alone."""
    first, second = widths
    return torch.nn.Sequential(
        torch.nn.Linear(width, first),
        torch.nn.ReLU(),
        torch.nn.Dropout(MLP_DROPOUT),
        torch.nn.Linear(first, second),
        torch.nn.ReLU(),
        torch.nn.Linear(second, 1),
    )


def binary_cross_entropy(logits: Array, labels: Array) -> float:
    """Return the mean binary cross-entropy (nats) of logits (n,) for labels (n,) in [0,1]; every item counts alike."""
    return float(np.mean(np.maximum(logits, 0.0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))))


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) with its usual constants.

    It does what torch.optim.Adam does, whose import takes longer than training on a few hundred labels.
    """

    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        """Take what is to be moved."""
        self._parameters = parameters
        self._first = [torch.zeros_like(one) for one in parameters]
        self._second = [torch.zeros_like(one) for one in parameters]
        self._steps = 0

    def step(self, gradients: Sequence[torch.Tensor]) -> None:
        """Move each parameter, given its gradient."""
        self._steps += 1
        rate = LEARNING_RATE / (1.0 - _BETAS[0] ** self._steps)
        correction = (1.0 - _BETAS[1] ** self._steps) ** 0.5
        with torch.no_grad():
            for one, first, second, gradient in zip(
                self._parameters, self._first, self._second, gradients, strict=True
            ):
                first.lerp_(gradient, 1.0 - _BETAS[0])
                second.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1.0 - _BETAS[1])
                one.addcdiv_(first, second.sqrt().div_(correction).add_(_EPSILON), value=-rate)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Compute on one thread: sums do not depend on how many cores there are, and small products are no slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def _epoch(module: torch.nn.Sequential, optimiser: Adam, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    module.train()
    parameters = list(module.parameters())
    for chosen in torch.split(torch.randperm(len(inputs)), BATCH):
        logits = module(inputs[chosen])[:, 0]  # of a batch of one too
        # the sum over a batch of the usual size, so that a partial last batch weighs no more than its items
        loss = functional.binary_cross_entropy_with_logits(logits, targets[chosen], reduction="sum") / BATCH
        optimiser.step(torch.autograd.grad(loss, parameters))
    module.eval()


def _logits(module: torch.nn.Sequential, features: Array) -> Array:
    with torch.inference_mode():
        return np.asarray(module(torch.from_numpy(features).float())[:, 0].double().numpy())


def _as_head(module: torch.nn.Sequential) -> MlpHead:
    linear = [layer for layer in module.eval() if isinstance(layer, torch.nn.Linear)]
    first, second, third = (layer.weight.detach().double().numpy() for layer in linear)
    biases = [layer.bias.detach().double().numpy() for layer in linear]
    return MlpHead((first, second, third), (biases[0], biases[1], biases[2]))
