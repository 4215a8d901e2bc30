"""From logits to probabilities: Platt's two numbers, or isotonic knots. Monotone, so that no item passes another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.heads.errors import HeadError
from workers.heads.networks import sigmoid

Array = NDArray[np.float64]
_PREFIX = "calibration."


class Calibrator(Protocol):
    """What comes after a head's logit."""

    def probabilities(self, logits: Array) -> Array:
        """Return (n,) probabilities in [0,1] of logits (n,)."""

    def tensors(self) -> dict[str, Array]:
        """Return its parameters by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Platt:
    """sigmoid(slope * logit + shift), the slope above 0 (Platt 1999)."""

    slope: float
    shift: float

    def probabilities(self, logits: Array) -> Array:
        """Return (n,) probabilities in [0,1] of logits (n,)."""
        return sigmoid(self.slope * logits + self.shift)

    def tensors(self) -> dict[str, Array]:
        """Return its parameters by name."""
        return {f"{_PREFIX}slope": np.array([self.slope]), f"{_PREFIX}shift": np.array([self.shift])}


@dataclass(frozen=True, slots=True, eq=False)
class Isotonic:
    """Knots of isotonic regression: rising `logits` (k,), and `values` (k,) in [0,1] that never fall; linear between.

    Beyond the knots it is constant (Zadrozny and Elkan 2002).
    """

    logits: Array
    values: Array

    def probabilities(self, logits: Array) -> Array:
        """Return (n,) probabilities in [0,1] of logits (n,)."""
        return np.interp(logits, self.logits, self.values)

    def tensors(self) -> dict[str, Array]:
        """Return its parameters by name."""
        return {f"{_PREFIX}logits": self.logits, f"{_PREFIX}values": self.values}


def calibrator_of(method: str, tensors: Mapping[str, Array]) -> Calibrator:
    """Return the calibrator whose parameters these are.

    Raises:
        HeadError: a parameter is missing, or would let one item pass another.
    """
    try:
        if method == "platt":
            slope, shift = (tensors[f"{_PREFIX}{name}"] for name in ("slope", "shift"))
            if slope.shape != (1,) or shift.shape != (1,) or slope[0] <= 0.0:
                raise HeadError("the calibrator's slope and shift are one number each, and the slope is above 0")
            return Platt(float(slope[0]), float(shift[0]))
        logits, values = (tensors[f"{_PREFIX}{name}"] for name in ("logits", "values"))
    except KeyError as error:
        raise HeadError(f"head.safetensors lacks {error.args[0]}") from error
    if not _rises(logits, values):
        raise HeadError("the calibrator's knots must rise, and its values must lie in [0,1] and never fall")
    return Isotonic(logits, values)


def _rises(logits: Array, values: Array) -> bool:
    if logits.ndim != 1 or logits.shape != values.shape or not logits.size:
        return False
    inside = values.min() >= 0.0 and values.max() <= 1.0
    return bool(inside and (np.diff(logits) > 0).all() and (np.diff(values) >= 0).all())
