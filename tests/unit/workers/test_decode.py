from __future__ import annotations

import io
import pickle
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.items import RawItem
from tests.unit.workers.samples import encoded, item
from workers.decode import InlineDecoder, Limits
from workers.media import Chunk, Medium, Picture, Slice, UndecodableError
from workers.sources.encode import jpeg, png

CAUSES = {"empty", "truncated", "corrupt", "too_large", "wrong_content_type", "unsupported_content_type", "bad_pdf"}
RGB = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def decode(raw: RawItem, limits: Limits | None = None) -> Medium:
    return InlineDecoder(limits or Limits()).decode(raw)


def picture(value: bytes, content_type: str = "application/octet-stream") -> Picture:
    medium = decode(item(value, "video-frame", content_type))
    assert isinstance(medium, Picture)
    assert medium.rgb.dtype == np.uint8
    return medium


def cause(raw: RawItem, limits: Limits | None = None) -> str:
    with pytest.raises(UndecodableError) as caught:
        decode(raw, limits)
    assert caught.value.detail
    return caught.value.cause


def png_announcing(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(10))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_png_is_read_as_it_was() -> None:
    medium = picture(png(RGB), "image/png")
    assert np.array_equal(medium.rgb, RGB)
    assert medium.reasons == ()


def test_an_ordinary_jpeg_is_read_at_its_own_resolution() -> None:
    smooth = np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 3, (48, 1, 3))
    medium = picture(jpeg(smooth), "image/jpeg")
    assert medium.rgb.shape == smooth.shape
    assert np.abs(medium.rgb.astype(int) - smooth).max() <= 4
    assert medium.reasons == ()


@pytest.mark.parametrize(
    ("mode", "form", "reasons"),
    [
        ("L", "PNG", ()),
        ("L", "JPEG", ()),
        ("1", "PNG", ("read_from_bilevel",)),
        ("P", "PNG", ("read_from_palette",)),
        ("RGBA", "PNG", ("flattened_on_white",)),
        ("LA", "PNG", ("flattened_on_white",)),
        ("CMYK", "JPEG", ("read_from_cmyk",)),
        ("CMYK", "TIFF", ("read_from_cmyk",)),
        ("RGB", "WEBP", ()),
        ("RGB", "BMP", ()),
        ("RGB", "TIFF", ()),
    ],
)
def test_other_kinds_of_pictures_are_read_and_named(mode: str, form: str, reasons: tuple[str, ...]) -> None:
    medium = picture(encoded(RGB, form, mode))
    assert medium.rgb.shape == RGB.shape
    assert medium.reasons == reasons


def test_sixteen_bits_are_brought_to_eight_without_clipping() -> None:
    wide = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    medium = picture(png(wide))
    assert medium.reasons == ("read_from_16_bit",)
    assert np.abs(medium.rgb[..., 0].astype(float) - wide / 257).max() <= 0.51


def test_what_is_transparent_is_seen_over_white() -> None:
    clear = np.zeros((8, 8, 4), dtype=np.uint8)
    assert (picture(encoded(clear)).rgb == 255).all()


def test_an_item_without_bytes_is_empty() -> None:
    assert cause(item(b"")) == "empty"


def test_a_kind_that_nobody_reads_is_said_to_be_unknown() -> None:
    assert cause(item(b"x", "smell")) == "unknown_kind"


@pytest.mark.parametrize("value", [jpeg(RGB), png(RGB)], ids=["jpeg", "png"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_picture_that_was_cut_off_is_truncated(value: bytes, share: float) -> None:
    assert cause(item(value[: max(20, int(len(value) * share))])) == "truncated"


@pytest.mark.parametrize("value", [b"no picture at all" * 9, b"\xff\xd8\xff" + b"\0" * 99 + b"\xff\xd9"])
def test_garbage_is_corrupt(value: bytes) -> None:
    assert cause(item(value)) == "corrupt"


@given(
    st.binary(min_size=1, max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"])
)
def test_no_bytes_raise_anything_but_undecodable(value: bytes, start: bytes) -> None:
    for kind in ("image", "mri-slice", "document-chunk"):
        try:
            decode(item(start + value, kind))
        except UndecodableError as error:
            assert error.cause in CAUSES  # noqa: PT017 (either)


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header() -> None:
    bomb = png_announcing(30_000, 30_000)
    assert cause(item(bomb)) == "too_large"
    assert cause(item(bomb, "mri-slice")) == "too_large"
    assert cause(item(png_announcing(9000, 9000))) == "too_large"
    assert cause(item(jpeg(RGB)), Limits(pixels=1000)) == "too_large"


def test_a_content_type_is_read_whatever_its_spelling() -> None:
    assert picture(jpeg(RGB), "IMAGE/JPG; q=1").rgb.shape == RGB.shape


def is_plain(text: str) -> bool:
    return bool(text.strip()) and not text.startswith(("\ufeff", "%PDF-"))


def slice_of(raw: RawItem) -> Slice:
    medium = decode(raw)
    assert isinstance(medium, Slice)
    assert medium.intensity.dtype == np.float32
    return medium


def test_a_slices_window_becomes_black_and_white() -> None:
    values = np.array([[0, 100, 200, 300, 60000]], dtype=np.uint16)
    medium = slice_of(item(png(values), "mri-slice", "image/png", window_low=100.0, window_high=300.0))
    assert medium.intensity.tolist() == [[0.0, 0.0, 0.5, 1.0, 1.0]]
    assert medium.reasons == ()


@pytest.mark.parametrize(
    ("window", "reason"), [({}, "no_window"), ({"window_low": 9.0, "window_high": 9.0}, "bad_window")]
)
def test_a_slice_without_a_usable_window_is_read_by_its_own(window: dict[str, float], reason: str) -> None:
    values = np.arange(1000, dtype=np.uint16).reshape(20, 50) + 5000
    medium = slice_of(item(png(values), "mri-slice", "image/png", **window))
    assert medium.reasons == (reason,)
    assert medium.intensity.min() == 0.0
    assert medium.intensity.max() == 1.0


def test_a_constant_slice_is_black_and_named() -> None:
    medium = slice_of(item(png(np.full((4, 4), 7, dtype=np.uint16)), "mri-slice"))
    assert medium.reasons == ("no_window", "constant")
    assert not medium.intensity.any()


def test_colour_and_eight_bits_in_a_slice_are_named() -> None:
    assert slice_of(item(png(RGB), "mri-slice", window_low=0.0, window_high=255.0)).reasons == ("eight_bit", "colour")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(is_plain))
def test_text_is_read_as_it_was(text: str) -> None:
    assert decode(item(text.encode(), "document-chunk", "text/plain; charset=utf-8")) == Chunk(text)


def test_bytes_that_are_not_utf8_are_replaced_and_named() -> None:
    assert decode(item(b"caf\xe9 noir", "document-chunk")) == Chunk("caf\ufffd noir", ("invalid_utf8",), 1)


def test_a_chunk_of_white_space_is_empty_and_a_huge_one_too_large() -> None:
    assert cause(item(b" \n\t", "document-chunk")) == "empty"
    assert cause(item(b"a" * 100, "document-chunk"), Limits(text_bytes=99)) == "too_large"


def test_a_decoder_and_its_media_can_be_sent_to_another_process() -> None:
    decoder = pickle.loads(pickle.dumps(InlineDecoder()))  # noqa: S301 (our own bytes)
    medium = pickle.loads(pickle.dumps(decoder.decode(item(png(RGB)))))  # noqa: S301
    assert np.array_equal(medium.rgb, RGB)


def test_a_new_kind_is_one_entry_in_the_registry() -> None:
    decoder = InlineDecoder(readers={"note": lambda raw, _: Chunk(raw.value.decode())})
    assert decoder.decode(item(b"hello", "note")) == Chunk("hello")


def test_the_first_frame_of_an_animation_is_read_and_named() -> None:
    buffer = io.BytesIO()
    frames = [Image.fromarray(np.full((8, 8, 3), level, dtype=np.uint8)) for level in (0, 255)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    medium = picture(buffer.getvalue())
    assert "first_frame_only" in medium.reasons
    assert not medium.rgb.any()
