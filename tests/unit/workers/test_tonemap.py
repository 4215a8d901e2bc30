from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.workers.samples import opened
from tests.unit.workers.videos import HEIGHT, WIDTH, pixels, taken
from workers.sources.tonemap import PEAK_NITS, WHITE_NITS, to_ordinary

LIMITED = 1  # the range of ordinary video: 16 to 235 of 255


def light(nits: NDArray[np.float64]) -> NDArray[np.uint16]:
    """PQ codes of 16 bits (SMPTE ST 2084)."""
    power = (nits / 10_000) ** (2610 / 16384)
    code = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    codes: NDArray[np.uint16] = np.rint(code * 65535).astype(np.uint16)
    return codes


def gray(codes: NDArray[np.uint16], transfer: ColorTrc) -> NDArray[np.int64]:
    rgb = np.repeat(np.repeat(codes[None, :, None], 3, axis=2), 8, axis=0)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb48le")
    frame.color_trc, frame.color_primaries = transfer, ColorPrimaries.BT2020
    shown, codes_read = to_ordinary(frame)
    assert codes_read == ("tone_mapped", "gamut_mapped")
    assert (np.ptp(shown.astype(int), axis=2) <= 1).all()  # what is gray stays gray
    return shown[0, :, 1].astype(np.int64)


@given(st.lists(st.floats(0.01, 10_000), min_size=1, max_size=30))
def test_more_light_is_never_shown_darker(nits: list[float]) -> None:
    shown = gray(light(np.sort(np.array(nits))), ColorTrc.SMPTE2084)
    assert (np.diff(shown) >= 0).all()


def test_shadows_stay_and_highlights_are_rolled_off() -> None:
    shown = gray(light(np.array([0.0, 2.0, 20.0, 80.0, WHITE_NITS, 500.0, PEAK_NITS, 9000.0])), ColorTrc.SMPTE2084)
    plain = 255 * (np.array([0.0, 2.0, 20.0, 80.0]) / WHITE_NITS) ** (1 / 2.4)
    assert np.abs(shown[:4] - plain).max() <= 1.5
    assert 220 < shown[4] < shown[5] < 255
    assert shown[6:].tolist() == [255, 255]


def test_hlg_and_pq_of_the_same_light_are_shown_alike() -> None:
    # BT.2408: reference white is 75% of HLG's signal, and 203 nits; HLG's peak is 1000 nits.
    hlg = gray(np.array([0, 49151, 65535], dtype=np.uint16), ColorTrc.ARIB_STD_B67)
    pq = gray(light(np.array([0.0, WHITE_NITS, PEAK_NITS])), ColorTrc.SMPTE2084)
    assert np.abs(hlg - pq).max() <= 1


def ten_bit(path: Path, yuv: tuple[int, int, int], transfer: ColorTrc, primaries: ColorPrimaries) -> Path:
    matrix = Colorspace.BT2020 if primaries == ColorPrimaries.BT2020 else Colorspace.ITU709
    planes = [np.full(HEIGHT * WIDTH // part, value) for value, part in zip(yuv, (1, 4, 4), strict=True)]
    packed = np.concatenate(planes).astype("<u2").reshape(HEIGHT * 3 // 2, WIDTH)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, primaries, matrix
        context.color_range = LIMITED
        frame = av.VideoFrame.from_ndarray(packed, format="yuv420p10le")
        frame.color_trc, frame.color_primaries, frame.colorspace = transfer, primaries, matrix
        frame.color_range = LIMITED
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_ten_bits_of_ordinary_range_are_read_in_their_own_colours(tmp_path: Path) -> None:
    (item,) = taken(ten_bit(tmp_path / "c.mkv", (250, 410, 960), ColorTrc.BT709, ColorPrimaries.BT709))
    assert np.abs(pixels(item)[8, 8] - (255, 0, 0)).max() <= 3  # red by the matrix of BT.709; BT.601 gives another one
    assert item.envelope.read_as == ()


def test_a_wide_gamut_is_brought_to_the_ordinary_one(tmp_path: Path) -> None:
    (item,) = taken(ten_bit(tmp_path / "c.mkv", (500, 512, 512), ColorTrc.BT2020_10, ColorPrimaries.BT2020))
    assert np.abs(pixels(item)[8, 8] - round((500 - 64) / 876 * 255)).max() <= 1
    assert item.envelope.read_as == ("gamut_mapped",)


def test_a_video_of_high_dynamic_range_says_that_it_was_tone_mapped(tmp_path: Path) -> None:
    path = ten_bit(tmp_path / "c.mkv", (573, 512, 512), ColorTrc.SMPTE2084, ColorPrimaries.BT2020)  # 203 nits
    (item,) = taken(path)
    assert np.abs(pixels(item)[8, 8] - 231).max() <= 2
    assert item.envelope.read_as == ("tone_mapped", "gamut_mapped")
    assert "tone-mapped" in opened(path).notes[0]
