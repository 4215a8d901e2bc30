"""What cannot be read ends in a typed failure, whatever the bytes: never another exception, never a full memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.workers.samples import encoded, item
from workers.decode import InlineDecoder, Limits
from workers.media import UndecodableError

CAUSES = {"empty", "truncated", "corrupt", "too_large", "wrong_content_type", "unsupported_content_type"}
FORMS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
MODES = (("RGB", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("RGBA", "PNG"), ("I;16", "TIFF"), ("CMYK", "TIFF"))
KINDS = ("image", "mri-slice", "document-chunk")
SMALL = Limits(pixels=1_000_000)


@cache
def valid() -> tuple[bytes, ...]:
    pixels = np.random.default_rng(3).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    plain = [encoded(pixels, form) for form in FORMS]
    special = [encoded(pixels if mode != "I;16" else pixels[..., 0], form, mode) for mode, form in MODES]
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    return (*plain, *special, *(_animated(frames, form) for form in ("GIF", "PNG", "WEBP")), _progressive(frames[0]))


def _animated(frames: list[Image.Image], form: str) -> bytes:
    buffer = io.BytesIO()
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _progressive(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", progressive=True, exif=exif)
    return buffer.getvalue()


def outcome(value: bytes, kind: str = "image", content_type: str = "application/octet-stream") -> str:
    """Return the cause of the failure, or "" for an item that could be read."""
    try:
        InlineDecoder(SMALL).decode(item(value, kind, content_type))
    except UndecodableError as error:
        failure = error
    else:
        return ""
    assert failure.cause in CAUSES
    assert failure.detail
    return failure.cause


@settings(deadline=None, max_examples=300)
@given(
    which=st.integers(0, 15),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=6),
    kept=st.floats(0, 1) | st.just(1.0),
    kind=st.sampled_from(KINDS),
    declared=st.sampled_from(["application/octet-stream", "image/png", "text/plain"]),
)
def test_damaged_pictures_are_read_or_refused_by_cause(
    which: int, flips: list[tuple[float, int]], kept: float, kind: str, declared: str
) -> None:
    value = bytearray(valid()[which])
    for place, bit in flips:
        value[int(place * len(value))] ^= 1 << bit
    outcome(bytes(value[: int(kept * len(value))]), kind, declared)


@settings(deadline=None)
@given(start=st.sampled_from([form[:12] for form in valid()]) | st.just(b""), rest=st.binary(max_size=400))
@example(start=b"", rest=b"\0")
def test_random_bytes_are_refused_by_cause(start: bytes, rest: bytes) -> None:
    outcome(start + rest)


def png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(bytes(10)), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


def jpeg(width: int, height: int) -> bytes:
    value = encoded(np.zeros((8, 8, 3), dtype=np.uint8), "JPEG")
    place = value.index(b"\xff\xc0") + 5
    return value[:place] + struct.pack(">HH", height, width) + value[place + 4 :]


def gif(width: int, height: int) -> bytes:
    value = encoded(np.zeros((8, 8), dtype=np.uint8), "GIF")
    return value[:6] + struct.pack("<HH", width, height) + value[10:]


def bmp(width: int, height: int) -> bytes:
    value = encoded(np.zeros((8, 8, 3), dtype=np.uint8), "BMP")
    return value[:18] + struct.pack("<ii", width, height) + value[26:]


def webp(width: int, height: int) -> bytes:
    """Announces a canvas in an extended header; the largest is 2**24 pixels wide."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def webp_lossless(width: int, height: int) -> bytes:
    chunk = (
        b"VP8L" + struct.pack("<I", 5) + b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + bytes(9)
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def tiff(width: int, height: int, **tile: int) -> bytes:
    tags = [(256, width), (257, height), (258, 8), (259, 8 if tile else 1), (262, 1), (277, 1)]
    tags += [(322, tile["side"]), (323, tile["side"]), (324, 8), (325, 9)] if tile else [(273, 8), (278, 9), (279, 9)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


BOMBS = {
    "png": png(65_000, 65_000),
    "png of billions": png(2**31 - 1, 2**31 - 1),
    "jpeg": jpeg(65_000, 65_000),
    "jpeg beyond its decoder": jpeg(65_535, 65_535),
    "gif": gif(65_000, 65_000),
    "bmp": bmp(65_000, 65_000),
    "webp": webp(65_000, 65_000),
    "webp, lossless": webp_lossless(16_000, 16_000),
    "tiff": tiff(65_000, 65_000),
    "tiff with a huge tile": tiff(16, 16, side=32_000),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("kind", ["image", "mri-slice"])
def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header(kind: str, name: str) -> None:
    tracemalloc.start()
    try:
        assert outcome(BOMBS[name], kind) == "too_large"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_jpeg_of_endless_passes_is_refused() -> None:
    value = valid()[-1]
    start, end = value.rindex(b"\xff\xda"), value.rindex(b"\xff\xd9")
    assert outcome(value) == ""
    assert outcome(value[:end] + value[start:end] * 300 + value[end:]) == "too_large"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5])
def test_a_part_of_a_picture_is_never_read_as_a_whole_one(form: str, share: float) -> None:
    value = valid()[FORMS.index(form)]
    assert outcome(value[: int(len(value) * share) + bool(share)]) in {"empty", "truncated", "corrupt"}


@pytest.mark.parametrize("kind", ["image", "mri-slice"])
def test_a_jpeg_of_very_many_scans_is_too_large_for_every_kind(kind: str) -> None:
    """A scan of a few bytes makes the decoder pass over all pixels once more."""
    small = encoded(np.zeros((16, 16), dtype=np.uint8), "JPEG")
    scan = small[small.index(b"\xff\xda") : -2]
    with pytest.raises(UndecodableError) as refused:
        InlineDecoder().decode(item(small[:-2] + scan * 300 + small[-2:], kind, "image/jpeg"))
    assert refused.value.cause == "too_large"
