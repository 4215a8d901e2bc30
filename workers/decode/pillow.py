"""Reading with Pillow: what an open image is, and what its many exceptions mean."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from workers.decode.limits import Limits
from workers.media import UndecodableError

# What cameras, scanners and browsers write. Pillow's other forty readers are attack surface and no more.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_BYTES = 33  # signature, IHDR's length, name, 13 bytes and CRC
_BAD_DATA = (OSError, ValueError, SyntaxError, IndexError, OverflowError, TypeError, struct.error, zlib.error)


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn whatever Pillow raises for bad data into an UndecodableError."""
    try:
        yield
    except UndecodableError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise UndecodableError("too_large", str(error)) from error
    except EOFError as error:
        raise UndecodableError("truncated", str(error)) from error
    except UnidentifiedImageError as error:
        raise UndecodableError("corrupt", "the bytes are of no image format that is read here") from error
    except _BAD_DATA as error:
        raise UndecodableError("truncated" if "truncated" in str(error).lower() else "corrupt", str(error)) from error


@contextmanager
def opened(value: bytes, limits: Limits) -> Iterator[Image.Image]:
    """Open an image and check its size from the header, before a pixel is decoded."""
    if value.startswith(_PNG_SIGNATURE) and len(value) < _PNG_HEADER_BYTES:
        raise UndecodableError("truncated", "the PNG ends within its header")
    with named_errors(), Image.open(io.BytesIO(value), formats=FORMATS) as image:
        limits.check_pixels(*image.size)
        yield image


def bits_per_channel(value: bytes, image: Image.Image) -> int:
    """Return 16 for what holds more than 8 bits a channel, else 8. Pillow reads 16-bit colour PNGs as 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":
        return 16
    is_png = value.startswith(_PNG_SIGNATURE)
    return 16 if is_png and value[24] == 16 else 8  # noqa: PLR2004 (byte 24 of a PNG is its bit depth)
