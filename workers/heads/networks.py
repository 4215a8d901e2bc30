"""The networks of heads, as plain float64 arithmetic. They emit logits; the sigmoid comes after.

Training uses torch (workers/training); serving needs a few products of small matrices, which numpy does in float64 and
without a device, so that a score hardly depends on the batch that the item was in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.heads.errors import HeadError

Array = NDArray[np.float64]
MLP_WIDTHS = (256, 64)
MLP_DROPOUT = 0.1  # while training only


class Network(Protocol):
    """A head's network."""

    def logits(self, features: Array) -> Array:
        """Return (n,) logits of features (n, f)."""

    def tensors(self) -> dict[str, Array]:
        """Return its parameters by name."""

    def rescaled(self, slope: float, shift: float) -> Network:
        """Return the network whose logits are `slope` times these plus `shift`."""


@dataclass(frozen=True, slots=True, eq=False)
class LogisticHead:
    """Logistic regression: `weight` (f,), `bias` (1,)."""

    weight: Array
    bias: Array

    def logits(self, features: Array) -> Array:
        """Return (n,) logits of features (n, f)."""
        return np.asarray(features @ self.weight + self.bias[0])

    def tensors(self) -> dict[str, Array]:
        """Return its parameters by name."""
        return {"head.weight": self.weight, "head.bias": self.bias}

    def rescaled(self, slope: float, shift: float) -> LogisticHead:
        """Return the network whose logits are `slope` times these plus `shift`."""
        return LogisticHead(self.weight * slope, self.bias * slope + shift)


@dataclass(frozen=True, slots=True, eq=False)
class MlpHead:
    """f - 256 - 64 - 1 with rectifiers; `weights` are (outputs, inputs) as torch has them."""

    weights: tuple[Array, Array, Array]
    biases: tuple[Array, Array, Array]

    def logits(self, features: Array) -> Array:
        """Return (n,) logits of features (n, f)."""
        values = features
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = np.maximum(values @ weight.T + bias, 0.0)
        return np.asarray((values @ self.weights[-1].T + self.biases[-1])[:, 0])

    def tensors(self) -> dict[str, Array]:
        """Return its parameters by name."""
        named = {f"head.{place}.weight": weight for place, weight in enumerate(self.weights)}
        return named | {f"head.{place}.bias": bias for place, bias in enumerate(self.biases)}

    def rescaled(self, slope: float, shift: float) -> MlpHead:
        """Return the network whose logits are `slope` times these plus `shift`."""
        weights = (*self.weights[:2], self.weights[2] * slope)
        return MlpHead(weights, (*self.biases[:2], self.biases[2] * slope + shift))


@dataclass(frozen=True, slots=True, eq=False)
class LateHead:
    """Late fusion: a network on the first `cut` features, one on the others, and a logistic over both logits.

    `weight` (2,) is that of the embedding's logit and of the metrics' logit; `bias` (1,).
    """

    cut: int
    embedding: Network
    metrics: Network
    weight: Array
    bias: Array

    def logits(self, features: Array) -> Array:
        """Return (n,) logits of features (n, f)."""
        first, second = self.embedding.logits(features[:, : self.cut]), self.metrics.logits(features[:, self.cut :])
        return np.asarray(first * self.weight[0] + second * self.weight[1] + self.bias[0])

    def tensors(self) -> dict[str, Array]:
        """Return its parameters by name."""
        own = {"late.weight": self.weight, "late.bias": self.bias}
        parts = {"embedding": self.embedding, "metrics": self.metrics}
        return own | {f"{part}.{name}": value for part, net in parts.items() for name, value in net.tensors().items()}

    def rescaled(self, slope: float, shift: float) -> LateHead:
        """Return the network whose logits are `slope` times these plus `shift`."""
        return LateHead(self.cut, self.embedding, self.metrics, self.weight * slope, self.bias * slope + shift)


def network_of(model: str, tensors: Mapping[str, Array], width: int) -> Network:
    """Return the network whose parameters these are.

    Raises:
        HeadError: the model is unknown, or a parameter is missing or of another shape than `width` features need.
    """
    try:
        if model == "logistic":
            _require(tensors["head.weight"], (width,))
            _require(tensors["head.bias"], (1,))
            return LogisticHead(tensors["head.weight"], tensors["head.bias"])
        if model == "mlp":
            return _mlp(tensors, width)
    except KeyError as error:
        raise HeadError(f"head.safetensors lacks {error.args[0]}") from error
    raise HeadError(f"no head is called {model!r}; there are logistic and mlp")


def late_network_of(model: str, tensors: Mapping[str, Array], cut: int, width: int) -> LateHead:
    """Return the late fusion of two networks whose parameters these are.

    Args:
        model: Of both networks.
        tensors: By name.
        cut: How many of the `width` features are the embedding's.
        width: All features.

    Raises:
        HeadError: as for `network_of`.
    """
    try:
        _require(tensors["late.weight"], (2,))
        _require(tensors["late.bias"], (1,))
    except KeyError as error:
        raise HeadError(f"head.safetensors lacks {error.args[0]}") from error
    parts = [
        network_of(
            model, {name.removeprefix(prefix): tensors[name] for name in tensors if name.startswith(prefix)}, own
        )
        for prefix, own in (("embedding.", cut), ("metrics.", width - cut))
    ]
    return LateHead(cut, parts[0], parts[1], tensors["late.weight"], tensors["late.bias"])


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-logits)), without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)


def _mlp(tensors: Mapping[str, Array], width: int) -> MlpHead:
    sizes = (width, *MLP_WIDTHS, 1)
    for place in range(3):
        _require(tensors[f"head.{place}.weight"], (sizes[place + 1], sizes[place]))
        _require(tensors[f"head.{place}.bias"], (sizes[place + 1],))
    first, second, third = (tensors[f"head.{place}.weight"] for place in range(3))
    biases = (tensors["head.0.bias"], tensors["head.1.bias"], tensors["head.2.bias"])
    return MlpHead((first, second, third), biases)


def _require(tensor: Array, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise HeadError(f"head.safetensors holds a parameter of shape {tensor.shape} where {shape} is needed")
