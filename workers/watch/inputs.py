"""What truly enters a network: each channel's mean, deviation and range at its first layer, after normalisation.

Sampled: a hook on the first convolution looks at one call in a few. A window of `WINDOW` inputs is held against what
was recorded with the canaries. Live material is not the canaries, so the bounds are wide: they find steps that are
missing or made twice (normalisation, division by 255, another encoder's constants), not a dark video.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from schemas.canaries import Channels

WINDOW: Final = 64  # inputs
EVERY: Final = 4  # calls, of which one is looked at
_MAPS = 4  # dimensions of (n, channels, height, width)
_BEYOND = 0.25  # of the recorded range: so far outside it nothing can lie
_NARROW = 0.6  # of the recorded range: a window of natural pictures fills more
_MEAN_SHIFT = 2.0  # recorded deviations
_STD_RATIO = 4.0


@dataclass(slots=True)
class _Sums:
    count: int = 0
    total: torch.Tensor | None = None
    squares: torch.Tensor | None = None
    low: torch.Tensor | None = None
    high: torch.Tensor | None = None

    def add(self, maps: torch.Tensor) -> None:
        """Add inputs (n, channels, height, width): of each, the mean of its values and of their squares counts once."""
        values = maps.detach().to(torch.float32)
        parts = (values.mean(dim=(2, 3)).sum(0), values.square().mean(dim=(2, 3)).sum(0))
        total, squares = (part.to("cpu", torch.float64) for part in parts)
        low, high = values.amin(dim=(0, 2, 3)).cpu(), values.amax(dim=(0, 2, 3)).cpu()
        self.count += len(values)
        self.total = total if self.total is None else self.total + total
        self.squares = squares if self.squares is None else self.squares + squares
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)

    def channels(self) -> Channels | None:
        """Return the statistics so far, or None without any; NaN counts as far out of range."""
        if self.total is None or self.squares is None or self.low is None or self.high is None:
            return None
        mean = self.total / self.count
        std = (self.squares / self.count - mean.square()).clamp(min=0).sqrt()
        return Channels(mean=_plain(mean), std=_plain(std), low=_plain(self.low), high=_plain(self.high))


def _plain(values: torch.Tensor) -> list[float]:
    return [float(one) for one in torch.nan_to_num(values, nan=1e30, posinf=1e30, neginf=-1e30)]


@dataclass(slots=True)
class InputWatch:
    """Watches the first layer of one encoder. Its hook runs on the encoder's thread; any thread may read."""

    recorded: Channels | None = None
    every: int = EVERY
    alarmed: Callable[[str], None] = lambda _: None
    seen: Channels | None = None  # the last full window
    why: str = ""  # what is wrong with it
    _sums: _Sums = field(default_factory=_Sums)
    _calls: int = 0
    _handle: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attach(self, network: object) -> bool:
        """Look at a network from now on; return whether it has a first layer that takes channels."""
        self.detach()
        if not isinstance(network, torch.nn.Module):
            return False
        first = next((one for one in network.modules() if isinstance(one, torch.nn.Conv2d)), None)
        if first is None:
            return False
        self._handle = first.register_forward_pre_hook(self._look)
        return True

    def detach(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def so_far(self) -> Channels | None:
        """Return the statistics of the window that is not full yet."""
        with self._lock:
            return self._sums.channels()

    def _look(self, _module: object, inputs: tuple[Any, ...]) -> None:
        self._calls += 1
        if self._calls % self.every or not inputs or inputs[0].ndim != _MAPS:
            return
        with self._lock:
            self._sums.add(inputs[0])
            full = self._sums.channels() if self._sums.count >= WINDOW and self.recorded else None
            if full is not None:
                self._sums = _Sums()
        if full is not None:
            self._judge(full)

    def _judge(self, window: Channels) -> None:
        why = "" if self.recorded is None else strange(window, self.recorded)
        new = bool(why) and not self.why
        self.seen, self.why = window, why
        if new:
            self.alarmed(why)


def strange(window: Channels, recorded: Channels) -> str:
    """Say what is wrong with a window of inputs; empty where nothing is."""
    if len(window.mean) != len(recorded.mean):
        return f"{len(window.mean)} channels enter the network, and {len(recorded.mean)} were recorded"
    for place, (low, high) in enumerate(zip(recorded.low, recorded.high, strict=True)):
        span = high - low
        if window.low[place] < low - _BEYOND * span or window.high[place] > high + _BEYOND * span:
            return (
                f"channel {place}: values from {window.low[place]:.3g} to {window.high[place]:.3g} enter the network, "
                f"and {low:.3g} to {high:.3g} is what normalisation makes: is it missing, or made twice?"
            )
    wide = any(
        high - low >= _NARROW * (known_high - known_low)
        for low, high, known_low, known_high in zip(window.low, window.high, recorded.low, recorded.high, strict=True)
    )
    if not wide:
        return "the inputs fill little of the range that normalisation makes: is it missing?"
    return _shifted(window, recorded)


def _shifted(window: Channels, recorded: Channels) -> str:
    for place, (mean, std) in enumerate(zip(recorded.mean, recorded.std, strict=True)):
        far = abs(window.mean[place] - mean) > _MEAN_SHIFT * std
        ratio = window.std[place] / max(std, 1e-9)
        if far or not 1.0 / _STD_RATIO <= ratio <= _STD_RATIO:
            return (
                f"channel {place}: mean {window.mean[place]:.3g} and deviation {window.std[place]:.3g} of what enters "
                f"the network, recorded {mean:.3g} and {std:.3g}"
            )
    return ""
