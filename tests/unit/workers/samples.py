"""Real material from installed packages, and items made of it. The packages are never imported."""

from __future__ import annotations

import importlib.util
import io
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas.items import ItemEnvelope, RawItem
from workers.decode import InlineDecoder
from workers.media import Chunk, Picture, Slice
from workers.sources import Parent, SourceOptions, open_parent


def packaged(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / path


def opened(path: Path, **options: object) -> Parent:
    return open_parent(path, options=SourceOptions(**options))  # type: ignore[arg-type]


def item(value: bytes, kind: str = "image", content_type: str = "application/octet-stream", **more: object) -> RawItem:
    fields = {"id": "p/0", "source": "test", "kind": kind, "parent_id": "p", "index": 0, "content_type": content_type}
    return RawItem(ItemEnvelope.model_validate({**fields, **more}), value)


def encoded(pixels: NDArray[np.generic], form: str = "PNG", mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, form)
    return buffer.getvalue()


@cache
def photographs() -> tuple[Picture, ...]:
    files = [
        packaged("skimage", f"data/{name}") for name in ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
    ]
    decoder = InlineDecoder()
    media = [decoder.decode(next(open_parent(file).items)) for file in files]
    return tuple(medium for medium in media if isinstance(medium, Picture))


@cache
def head_slices() -> tuple[Slice, ...]:
    path = packaged("nilearn", "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    items = islice(open_parent(path).items, 60, 120, 15)
    media = [InlineDecoder().decode(item) for item in items]
    return tuple(medium for medium in media if isinstance(medium, Slice))


@cache
def chunks() -> tuple[Chunk, ...]:
    items = open_parent(packaged("iscc_samples", "files/text/demo.md"), options=SourceOptions()).items
    media = [InlineDecoder().decode(item) for item in islice(items, 8, 16)]
    return tuple(medium for medium in media if isinstance(medium, Chunk))
