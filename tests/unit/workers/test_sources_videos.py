from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.workers.samples import opened
from tests.unit.workers.videos import HEIGHT, WIDTH, moving_bar, pixels, taken, without_packets, write
from workers.sources import SourceError


def with_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write another display matrix into the track header of an MP4 (ISO/IEC 14496-12, section 8.3.2)."""
    value = bytearray(path.read_bytes())
    start = value.index(b"tkhd") + 44
    for place, number in zip((0, 4, 12, 16), matrix, strict=True):
        value[start + place : start + place + 4] = (number * 65536).to_bytes(4, "big", signed=True)
    path.write_bytes(value)


def corners(number: int) -> NDArray[np.uint8]:
    del number
    rgb = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    rgb[: HEIGHT // 2, : WIDTH // 2] = 80
    rgb[: HEIGHT // 2, WIDTH // 2 :] = 160
    rgb[HEIGHT // 2 :, : WIDTH // 2] = 240
    return rgb


@pytest.mark.parametrize(
    ("matrix", "expected", "code"),
    [
        ((1, 0, 0, 1), [[80, 160], [240, 0]], ()),
        ((-1, 0, 0, 1), [[160, 80], [0, 240]], ("mirrored_by_matrix",)),
        ((1, 0, 0, -1), [[240, 0], [80, 160]], ("mirrored_by_matrix",)),
        ((-1, 0, 0, -1), [[0, 240], [160, 80]], ("turned_by_matrix",)),
        ((0, 1, 1, 0), [[80, 240], [160, 0]], ("mirrored_by_matrix",)),
        ((0, -1, -1, 0), [[0, 160], [240, 80]], ("mirrored_by_matrix",)),
        ((0, 1, -1, 0), [[240, 80], [0, 160]], ("turned_by_matrix",)),
        ((0, -1, 1, 0), [[160, 0], [80, 240]], ("turned_by_matrix",)),
    ],
)
def test_a_video_is_turned_and_mirrored_as_its_matrix_says(
    tmp_path: Path, matrix: tuple[int, int, int, int], expected: list[list[int]], code: tuple[str, ...]
) -> None:
    path = write(tmp_path / "phone.mp4", corners, frames=1, turned=True)
    with_matrix(path, matrix)
    (item,) = taken(path)
    rgb = pixels(item)
    height, width = rgb.shape[:2]
    assert np.abs(rgb[height // 4 :: height // 2, width // 4 :: width // 2, 1] - expected).max() < 12
    assert item.envelope.read_as == code


@pytest.mark.parametrize(("aspect", "width"), [(Fraction(4, 3), 128), (Fraction(8, 9), 85), (Fraction(1), 96)])
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, width: int) -> None:
    path = write(tmp_path / "tape.mp4", corners, frames=1, aspect=aspect)
    (item,) = taken(path)
    assert pixels(item).shape == (HEIGHT, width, 3)
    assert item.envelope.read_as == (() if aspect == 1 else ("made_square",))
    assert len(opened(path).notes) == len(item.envelope.read_as)


def test_a_width_that_would_be_absurd_with_square_pixels_is_refused(tmp_path: Path) -> None:
    tall = np.zeros((1024, WIDTH, 3), dtype=np.uint8)
    path = write(tmp_path / "odd.mp4", lambda _: tall, frames=1, aspect=Fraction(1000))
    with pytest.raises(SourceError, match="96000 x 1024 pixels, more than the limit"):
        opened(path)


def fields(number: int) -> NDArray[np.uint8]:
    """Two moments in one frame: the bar has moved on in every second line."""
    rgb = moving_bar(2 * number)
    rgb[1::2] = moving_bar(2 * number + 1)[1::2]
    return rgb


def test_interlaced_frames_lose_their_comb_and_keep_their_times(tmp_path: Path) -> None:
    combed = write(tmp_path / "combed.mkv", fields, frames=9)
    clean = write(tmp_path / "tv.mkv", fields, frames=9, x264="tff=1:keyint=5")
    teeth = [np.abs(np.diff(pixels(item)[..., 1], axis=0)).mean() for item in taken(combed)]
    items = taken(clean)
    assert len(items) == 9
    assert {item.envelope.read_as for item in items} == {("deinterlaced",)}
    left = [np.abs(np.diff(pixels(item)[..., 1], axis=0)).mean() for item in items]
    assert np.mean(left[1:-1]) < np.mean(teeth[1:-1]) / 3
    assert opened(clean).notes == ("interlaced frames are deinterlaced (bwdif)",)
    assert opened(combed).notes == ()


@pytest.mark.parametrize(("name", "codec"), [("part.mkv", "libx264"), ("part.ts", "libx264"), ("part.avi", "mpeg4")])
def test_a_video_that_begins_within_a_scene_is_read_from_its_first_key_frame(
    tmp_path: Path, name: str, codec: str
) -> None:
    whole = write(tmp_path / f"whole{name[-4:]}", moving_bar, 20, codec, x264="keyint=12:scenecut=0:bframes=0")
    part = without_packets(whole, tmp_path / name, lambda number: number < 5)
    items = taken(part)
    assert len(items) == 8
    assert np.abs(pixels(items[0]) - moving_bar(12)).mean() < 6


@pytest.mark.parametrize("name", ["cut.mkv", "cut.ts", "cut.mp4"])
def test_a_video_without_any_key_frame_is_said_to_have_none(tmp_path: Path, name: str) -> None:
    whole = write(tmp_path / "whole.mkv", moving_bar, 20, x264="keyint=100:scenecut=0:bframes=0")
    cut = without_packets(whole, tmp_path / name, lambda number: number < 3)
    with pytest.raises(SourceError, match="has no key frame"):
        opened(cut)
