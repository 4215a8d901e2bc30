"""Labelled clips to try labels, calibration, replay and promotion on, made from the demo's videos.

Labels say how much a clip was damaged, as somebody who looks at it might: the damage is ours, and so they are known.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from deploy.demo.clips import Clip, Damage, cut, damaged, frames_of
from deploy.errors import ConfigurationError
from workers.sources import SourceOptions, discover

LABELS: Final = (1.0, 0.85, 0.65, 0.35, 0.15, 0.05)  # by severity, 0 is intact
LABELS_FILE: Final = "labels.csv"
CLIPS: Final = "clips"
COLUMNS: Final = ("parent", "label", "defects", "source", "kind")
_DAMAGES: Final = ("gaussian_blur", "gaussian_noise", "jpeg_compression")
_INTACT: Final = 0.55  # share of the clips
_LARGEST: Final = 100  # frames that a clip may have


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made: so many parents of so many frames, of one source."""

    parents: int = 400
    frames: int = 4
    source: str = "camera-1"
    seed: int = 1


def write(folder: Path, wanted: Wanted, advance: Callable[[], None]) -> int:
    """Write a folder of pictures for each clip, and `labels.csv`; return how many clips there are.

    Args:
        folder: is made; each clip is a folder in it.
        wanted: how many, and how long.
        advance: called for each clip.

    Raises:
        ConfigurationError: the folder is not empty, or clips are to be too long.
        SampleError: the package with the videos is not installed.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty. Name a new folder")
    if not 1 <= wanted.frames <= _LARGEST:
        raise ConfigurationError(f"--frames must be 1 to {_LARGEST}")
    draw = random.Random(wanted.seed)  # noqa: S311 (which clips is no secret)
    clips = cut([_damage(draw) for _ in range(wanted.parents)], wanted.frames, draw, wanted.source)
    _write_frames(folder, clips, wanted, advance)
    _write_labels(folder, clips, wanted.source)
    return len(clips)


def _damage(draw: random.Random) -> Damage | None:
    return None if draw.random() < _INTACT else Damage(draw.choice(_DAMAGES), draw.randint(1, 5))


def _write_frames(folder: Path, clips: Sequence[Clip], wanted: Wanted, advance: Callable[[], None]) -> None:
    rng = np.random.default_rng(wanted.seed)
    for clip, item in frames_of(clips, wanted.frames):
        path = folder / CLIPS / clip.parent_id / f"{item.envelope.index:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(damaged(item, clip, rng).value)
        if item.envelope.index == wanted.frames - 1:
            advance()


def _write_labels(folder: Path, clips: Sequence[Clip], source: str) -> None:
    """Write the labels under the ids that `sluice publish` gives these folders: they follow from names and bytes."""
    found = discover([folder / CLIPS / clip.parent_id for clip in clips], source=source, options=SourceOptions())
    with (folder / LABELS_FILE).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for clip, one in zip(clips, found.found, strict=True):
            parent, damage = one.open(), clip.damage
            label = LABELS[damage.severity if damage else 0]
            rows.writerow([parent.parent_id, label, damage.name if damage else "", source, parent.kind])
