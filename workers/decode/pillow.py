"""Reading with Pillow: what an open image is, and what its many exceptions mean."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import Image, UnidentifiedImageError

from workers.decode.limits import Limits
from workers.media import UndecodableError

# What cameras, scanners and browsers write. Pillow's other forty readers are attack surface and no more.
FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_BYTES: Final = 33  # signature, IHDR's length, name, 13 bytes and CRC
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF 6.0


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn whatever Pillow raises for bad data into an UndecodableError."""
    try:
        yield
    except UndecodableError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise UndecodableError("too_large", str(error) or "the picture does not fit in the memory") from error
    except EOFError as error:
        raise UndecodableError("truncated", str(error) or "the picture ends too early") from error
    except UnidentifiedImageError as error:
        raise UndecodableError("corrupt", "the bytes are of no image format that is read here") from error
    except Exception as error:  # its readers let through whatever bad data makes of them
        cut = "truncated" in str(error).lower()
        detail = str(error) or type(error).__name__
        raise UndecodableError("truncated" if cut else "corrupt", detail) from error


@contextmanager
def opened(value: bytes, limits: Limits) -> Iterator[Image.Image]:
    """Open an image and check its size from the header, before a pixel is decoded."""
    if value.startswith(_PNG_SIGNATURE) and len(value) < _PNG_HEADER_BYTES:
        raise UndecodableError("truncated", "the PNG ends within its header")
    limits.check_pixels(*_webp_size(value))
    with named_errors(), Image.open(io.BytesIO(value), formats=FORMATS) as image:
        limits.check_pixels(*image.size)
        limits.check_pixels(*_tile_size(image))
        if image.format == "JPEG" or image.info.get("compression") == "jpeg":
            limits.check_scans(value)
        yield image


def bits_per_channel(value: bytes, image: Image.Image) -> int:
    """Return 16 or 32 for what holds more than 8 bits a channel, else 8. Pillow reads 16-bit colour PNGs as 8 bits."""
    if image.mode in {"I", "F"}:
        return 32
    is_png = value.startswith(_PNG_SIGNATURE)
    return 16 if image.mode.startswith("I;") or (is_png and value[24] == 16) else 8  # noqa: PLR2004 (bit depth)


def _webp_size(value: bytes) -> tuple[int, int]:
    """Return the canvas of a WebP, or (0, 0): Pillow makes room for it when it opens one.

    Source: WebP Container Specification, extended file format; RFC 9649, sections 2.5 to 2.7.
    """
    kind, data = value[12:16], value[20:30]
    if value[:4] != b"RIFF" or value[8:12] != b"WEBP" or len(data) < 10:  # noqa: PLR2004 (bytes that hold the size)
        return 0, 0
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF


def _tile_size(image: Image.Image) -> tuple[int, int]:
    """Return the tiles of a TIFF, or (0, 0): one may be far larger than the picture that it is a part of."""
    tags = getattr(image, "tag_v2", {})
    width, length = tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0)
    return (width, length) if isinstance(width, int) and isinstance(length, int) else (0, 0)
