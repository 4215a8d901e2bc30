from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import RawItem
from tests.unit.workers.samples import encoded
from workers.sources import Parent, SourceError, SourceOptions, pictures

OPTIONS = SourceOptions()


def folder_of(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True)
    for shade, name in enumerate(names):
        pixels = np.full((4, 4, 3), shade, dtype=np.uint8)
        (folder / name).write_bytes(encoded(pixels, "PNG" if name.endswith("png") else "JPEG"))
    return [folder / name for name in names]


def parent_of(paths: list[Path]) -> Parent:
    return pictures.read(paths, source="test", options=OPTIONS)


def test_the_pictures_of_a_folder_are_one_parent_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    paths = folder_of(tmp_path / "walk", "img10.png", "img2.png", "IMG1.jpg", "img2b.png")
    parent = parent_of(paths)
    items = list(parent.items)
    assert parent.kind == "image"
    assert parent.count == 4
    assert [raw.value for raw in items] == [paths[at].read_bytes() for at in (2, 1, 3, 0)]
    assert [raw.envelope.index for raw in items] == [0, 1, 2, 3]
    assert [raw.envelope.content_type for raw in items] == ["image/jpeg", *["image/png"] * 3]


def test_the_parent_id_follows_from_names_and_bytes_and_no_path(tmp_path: Path) -> None:
    first = parent_of(folder_of(tmp_path / "a" / "walk", "1.png", "2.png")).parent_id
    assert first == parent_of(folder_of(tmp_path / "b" / "walk", "1.png", "2.png")).parent_id
    assert first.startswith("walk-")
    assert first != parent_of(folder_of(tmp_path / "c" / "walk", "1.png", "3.png")).parent_id
    other = folder_of(tmp_path / "d" / "walk", "1.png", "2.png")
    other[1].write_bytes(b"other bytes")
    assert first != parent_of(other).parent_id


def test_a_picture_that_has_vanished_is_missing_and_named_after_the_others(tmp_path: Path) -> None:
    paths = folder_of(tmp_path / "walk", "1.png", "2.png", "3.png")
    parent = parent_of(paths)
    paths[1].unlink()
    seen: list[RawItem] = []
    with pytest.raises(SourceError, match=r"2\.png: No such file"):
        seen.extend(parent.items)
    assert [raw.envelope.index for raw in seen] == [0, 2]
    assert {raw.envelope.count for raw in seen} == {3}


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1), st.sampled_from(["", "img", "v2-frame_"]))
def test_numbers_in_names_are_in_order_however_many_digits_they_have(numbers: list[int], stem: str) -> None:
    paths = [Path(f"{stem}{number}.jpg") for number in numbers]
    ordered = sorted(paths, key=pictures.natural_order)
    assert ordered == [Path(f"{stem}{number}.jpg") for number in sorted(numbers)]


@given(st.lists(st.text("aB1²٣_- .", min_size=1), max_size=6, unique=True))
def test_any_names_have_one_order(names: list[str]) -> None:
    paths = [Path(name) for name in names]
    ordered = sorted(paths, key=pictures.natural_order)
    paths.reverse()
    assert ordered == sorted(paths, key=pictures.natural_order)
