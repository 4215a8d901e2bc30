"""Defect heads: one logistic a defect, on the features of the head. They give reason codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.heads.errors import HeadError
from workers.heads.networks import sigmoid

Array = NDArray[np.float64]
LIKELY = 0.5  # from here on a defect is named


@dataclass(frozen=True, slots=True, eq=False)
class Defects:
    """`names` of k defects, `weight` (k, f) and `bias` (k,).

    They were trained as if items with the defect were as frequent as others: no score here is a probability.
    """

    names: tuple[str, ...]
    weight: Array
    bias: Array

    def scores(self, features: Array) -> Array:
        """Return (n, k) scores in [0,1] of features (n, f); from 0.5 on, the evidence is for the defect."""
        return sigmoid(features @ self.weight.T + self.bias)

    def likely(self, features: Array) -> dict[str, float]:
        """Return the defects that the evidence is for, of an item of features (f,), with their scores."""
        found = self.scores(features[None])[0]
        return {name: float(value) for name, value in zip(self.names, found, strict=True) if value >= LIKELY}

    def tensors(self) -> dict[str, Array]:
        """Return the parameters by name."""
        return {"defects.weight": self.weight, "defects.bias": self.bias}


def defects_of(names: Sequence[str], tensors: Mapping[str, Array], width: int) -> Defects:
    """Return the defect heads whose parameters these are.

    Raises:
        HeadError: a parameter is missing or of another shape than `width` features need.
    """
    try:
        weight, bias = tensors["defects.weight"], tensors["defects.bias"]
    except KeyError as error:
        raise HeadError(f"head.safetensors lacks {error.args[0]}") from error
    if weight.shape != (len(names), width) or bias.shape != (len(names),):
        raise HeadError(f"head.safetensors holds defect heads of shape {weight.shape} where {len(names)} are named")
    return Defects(tuple(names), weight, bias)
