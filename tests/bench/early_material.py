"""Clips of real videos for `make bench-early`, some of them heavily damaged."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Final

from deploy.demo.clips import Clip, Damage, cut
from schemas.items import RawItem

SOURCE: Final = "bench"
SEVERITY: Final = 5
DAMAGES: Final = ("gaussian_blur", "gaussian_noise", "jpeg_compression")  # those of the demo's videos


def clips(parents: int, frames: int, bad: float, seed: int) -> list[Clip]:
    """Return clips, the given share of them bad, in random order.

    Raises:
        ValueError: a video has fewer frames than are asked for.
    """
    draw = random.Random(seed)
    damaged = round(parents * bad)
    damages = [
        Damage(DAMAGES[number % len(DAMAGES)], SEVERITY) if number < damaged else None for number in range(parents)
    ]
    draw.shuffle(damages)
    return cut(damages, frames, draw, SOURCE)


def interleaved(parents: Iterable[list[RawItem]], at_once: int) -> Iterator[RawItem]:
    """Yield the items of so many parents in turns, each in its order; where one ends, the next one begins."""
    waiting = iter(parents)
    running: list[Iterator[RawItem]] = []
    while True:
        running += [iter(parent) for _, parent in zip(range(at_once - len(running)), waiting, strict=False)]
        if not running:
            return
        still = []
        for parent in running:
            item = next(parent, None)
            if item is not None:
                yield item
                still.append(parent)
        running = still
