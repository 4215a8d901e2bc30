"""Bounds of rates that hold at all times at once, however often one looks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaln

Bounds = tuple[float, float]


def rate_bounds(found: int, whole: int, alpha: float) -> Bounds:
    """Return a confidence sequence's bounds of a rate.

    All rates p at which the mixture's likelihood ratio B(1 + x, 1 + n - x) / (p^x (1 - p)^(n - x)) is below 1/alpha
    (Robbins 1970): with probability 1 - alpha the true one is among them at every n.

    Args:
        found: how many have the outcome.
        whole: of how many.
        alpha: the error that is allowed, in (0,1).
    """
    if not whole:
        return 0.0, 1.0
    mixture = float(betaln(1 + found, 1 + whole - found))

    def excess(rate: float) -> float:
        likelihood = _times_log(found, rate) + _times_log(whole - found, 1.0 - rate)
        return mixture - likelihood + float(np.log(alpha))

    middle = found / whole
    return _edge(excess, 0.0, middle), _edge(excess, 1.0, middle)


def difference_bounds(candidate: Bounds, control: Bounds) -> Bounds:
    """Return the bounds of candidate less control, from those of both: their errors add up."""
    return candidate[0] - control[1], candidate[1] - control[0]


def _edge(excess: Callable[[float], float], end: float, middle: float) -> float:
    inside = 1e-12
    outer = end + inside if end < middle else end - inside
    if end == middle or excess(outer) <= 0.0:
        return end
    return float(brentq(excess, outer, middle))


def _times_log(count: int, rate: float) -> float:
    return count * float(np.log(rate)) if count else 0.0
