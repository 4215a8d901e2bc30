"""What is read in a special way, and named in the reasons."""

from __future__ import annotations

import codecs
import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from schemas.items import RawItem
from tests.unit.workers.samples import encoded, item
from workers.decode import InlineDecoder
from workers.media import Chunk, Medium, Picture, Slice, UndecodableError
from workers.sources.encode import jpeg, png

RAMP = np.linspace(0, 255, 48 * 64).reshape(48, 64).astype(np.uint8)
RGB = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]])


def decode(value: bytes, kind: str = "image", content_type: str = "application/octet-stream") -> Medium:
    return InlineDecoder().decode(item(value, kind, content_type))


def picture(value: bytes, content_type: str = "application/octet-stream") -> Picture:
    medium = decode(value, "image", content_type)
    assert isinstance(medium, Picture)
    assert medium.rgb.flags.c_contiguous
    return medium


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def without_segment(value: bytes, marker: int) -> bytes:
    start = value.index(bytes((0xFF, marker)))
    (length,) = struct.unpack_from(">H", value, start + 2)
    return value[:start] + value[start + 2 + length :]


def test_ink_becomes_light_whether_it_is_stored_inverted_or_not() -> None:
    ink = np.zeros((16, 16, 4), dtype=np.uint8)
    ink[..., 1:3] = 255  # magenta and yellow: red
    photoshop = saved(Image.fromarray(ink, "CMYK"), "JPEG", quality=95)
    plain = without_segment(saved(Image.fromarray(255 - ink, "CMYK"), "JPEG", quality=95), 0xEE)
    for value in (photoshop, plain):
        medium = picture(value)
        assert medium.reasons == ("read_from_cmyk",)
        assert np.abs(medium.rgb[8, 8].astype(int) - (255, 0, 0)).max() <= 3


def test_lightness_and_two_colour_axes_are_read() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    colours = Image.fromarray(np.tile(np.array([[90, 90, 90], [200, 60, 40]], dtype=np.uint8), (8, 4, 1)))
    stored = ImageCms.profileToProfile(colours, srgb, lab, outputMode="LAB")
    assert stored is not None
    medium = picture(saved(stored, "TIFF"))
    assert medium.reasons == ("read_from_lab",)
    assert np.abs(medium.rgb.astype(int) - np.asarray(colours)).max() <= 6


@pytest.mark.parametrize("values", [np.linspace(-1, 1, 3072), np.array([np.nan, np.inf, 0.0, 2.0] * 768)])
def test_numbers_of_no_known_scale_are_stretched(values: NDArray[np.float64]) -> None:
    medium = picture(encoded(values.reshape(48, 64).astype(np.float32), "TIFF"))
    assert medium.reasons == ("read_from_32_bit",)
    assert (medium.rgb.min(), medium.rgb.max()) == (0, 255)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_read(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    medium = picture(saved(frames[0], form, save_all=True, append_images=frames[1:]))
    assert "first_frame_only" in medium.reasons
    assert medium.rgb[4, 4, 0] > 240
    assert medium.rgb[4, 4, 2] < 15


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_is_turned_as_its_camera_was_held(form: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"quality": 95} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    medium = picture(saved(Image.fromarray(RGB), form, exif=exif, **options))
    first_row, first_column = (  # Exif 2.32, 4.6.4: where the stored picture's first row and column are to be seen
        ("top", "left"),
        ("top", "right"),
        ("bottom", "right"),
        ("bottom", "left"),
        ("left", "top"),
        ("right", "top"),
        ("right", "bottom"),
        ("left", "bottom"),
    )[turn - 1]
    sides = {
        "top": medium.rgb[0],
        "bottom": medium.rgb[-1],
        "left": medium.rgb[:, 0],
        "right": medium.rgb[:, -1],
    }
    row = sides[first_row] if first_column in {"left", "top"} else sides[first_row][::-1]
    assert np.abs(row.astype(int) - RGB[0]).max() < 8
    assert medium.reasons == (() if turn == 1 else ("turned_by_exif",))


@pytest.mark.parametrize("turn", [0, 9, 65535])
def test_an_orientation_that_is_none_is_passed_over(turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    assert picture(saved(Image.fromarray(RGB), "JPEG", exif=exif)).reasons == ()
    assert picture(saved(Image.fromarray(RGB), "PNG", exif=b"Exif\0\0MM\0\x2a\0\0")).reasons == ()


@pytest.mark.parametrize("declared", ["image/png", "image/heic", "IMAGE/X-PNG; q=1", "image/svg+xml"])
@pytest.mark.parametrize("kind", ["image", "mri-slice"])
def test_a_picture_of_another_format_than_declared_is_read_as_what_it_is(kind: str, declared: str) -> None:
    medium = decode(jpeg(RGB), kind, declared)
    assert isinstance(medium, Picture | Slice)
    assert medium.reasons[0] == "read_as_jpeg"
    assert decode(jpeg(RGB), kind, "image/jpg").reasons[:1] != ("read_as_jpeg",)


def cause(raw: RawItem) -> str:
    with pytest.raises(UndecodableError) as caught:
        InlineDecoder().decode(raw)
    assert caught.value.detail
    return caught.value.cause


@pytest.mark.parametrize(
    ("kind", "declared", "value"),
    [
        ("image", "text/plain", png(RGB)),
        ("image", "application/json", png(RGB)),
        ("image", "image/jpeg", b"<!DOCTYPE html><p>Sign in first</p>"),
        ("image", "image/png", b"not found"),
        ("image", "image/png", b"%PDF-1.7\n\xff\xff"),
        ("video-frame", "image/jpeg", b"\0\0\0\x20ftypisom" + bytes(40)),
        ("mri-slice", "image/png", bytes(128) + b"DICM" + bytes(40)),
        ("document-chunk", "text/plain", png(RGB)),
        ("document-chunk", "text/plain", b"PK\3\4" + bytes(40)),
        ("document-chunk", "image/png", b"once upon a time"),
    ],
)
def test_what_is_declared_one_thing_and_is_another_is_refused(kind: str, declared: str, value: bytes) -> None:
    assert cause(item(value, kind, declared)) == "wrong_content_type"


@pytest.mark.parametrize(
    ("kind", "declared", "value"),
    [
        ("video-frame", "video/mp4", b"\0\0\0\x20ftypisom" + bytes(40)),
        ("image", "image/heic", b"\0\0\0\x20ftypheic" + bytes(40)),
        ("image", "application/json", b"{}"),
        ("document-chunk", "application/json", b"{}"),
        ("document-chunk", "application/msword", b"\xd0\xcf\x11\xe0" + bytes(40)),
        ("document-chunk", "application/octet-stream", png(RGB)),
    ],
)
def test_what_is_read_nowhere_here_is_refused(kind: str, declared: str, value: bytes) -> None:
    assert cause(item(value, kind, declared)) == "unsupported_content_type"


def test_a_whole_video_is_told_to_be_sent_as_frames() -> None:
    with pytest.raises(UndecodableError, match="publish its frames"):
        decode(b"\0\0\0\x20ftypisom", "video-frame", "video/mp4")


def test_prose_that_begins_like_a_picture_is_prose() -> None:
    assert decode(b"GIF89a is a format.", "document-chunk", "text/plain") == Chunk("GIF89a is a format.")


def test_values_that_are_no_numbers_are_masked_in_a_slice() -> None:
    values = np.tile(np.array([np.nan, 1.0, 2.0, 3.0], dtype=np.float32), (4, 1))
    raw = item(encoded(values, "TIFF"), "mri-slice", window_low=1.0, window_high=3.0)
    medium = InlineDecoder().decode(raw)
    assert isinstance(medium, Slice)
    assert medium.reasons == ("nan_masked",)
    assert medium.intensity[0].tolist() == [0.0, 0.0, 0.5, 1.0]


ENCODINGS = [
    (codecs.BOM_UTF8, "utf-8", ()),
    (codecs.BOM_UTF16_LE, "utf-16-le", ("read_from_utf_16",)),
    (codecs.BOM_UTF16_BE, "utf-16-be", ("read_from_utf_16",)),
    (codecs.BOM_UTF32_LE, "utf-32-le", ("read_from_utf_32",)),
    (codecs.BOM_UTF32_BE, "utf-32-be", ("read_from_utf_32",)),
]
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)


@given(text=words, mark=st.sampled_from(ENCODINGS))
def test_a_byte_order_mark_says_how_text_is_read(text: str, mark: tuple[bytes, str, tuple[str, ...]]) -> None:
    assert decode(mark[0] + text.encode(mark[1]), "document-chunk") == Chunk(text, mark[2])


@given(st.lists(st.sampled_from([b"\xff", b"\xc3", b"\xef\xbf\xbd", b"word ", "ä".encode()]), max_size=12))
def test_bytes_that_are_no_characters_are_counted_and_honest_marks_are_not(parts: list[bytes]) -> None:
    medium = decode(b"start " + b" ".join(parts), "document-chunk")
    broken = sum(part in {b"\xff", b"\xc3"} for part in parts)
    assert isinstance(medium, Chunk)
    assert medium.replaced == broken
    assert medium.reasons == (("invalid_utf8",) if broken else ())


def test_nul_characters_are_dropped_and_named() -> None:
    assert decode(b"a\0b\0", "document-chunk") == Chunk("ab", ("nul_dropped",))
    assert cause(item(b"\0 \0", "document-chunk")) == "empty"


def test_half_a_character_of_sixteen_bits_is_replaced_and_named() -> None:
    medium = decode(codecs.BOM_UTF16_LE + "ab".encode("utf-16-le") + b"x", "document-chunk")
    assert medium == Chunk("ab\ufffd", ("read_from_utf_16", "invalid_utf16"), 1)
