from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from schemas.items import RawItem
from workers.decode.limits import UNDECLARED, Limits, check_content_type, media_type
from workers.decode.pillow import bits_per_channel, opened
from workers.media import Picture, UndecodableError

_JPEG_START = b"\xff\xd8\xff"
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
_SIGNATURES = {
    _JPEG_START: "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}
_REASON_BY_MODE = {
    "1": "bilevel",
    "L": "grayscale",
    "LA": "grayscale",
    "I": "grayscale",
    "F": "grayscale",
    "P": "palette",
    "PA": "palette",
    "CMYK": "cmyk",
}


def read_picture(item: RawItem, limits: Limits) -> Picture:
    """Return the item's picture as RGB, at its own resolution.

    What is not plain 8-bit RGB is converted, and named in the reasons: "grayscale", "bilevel", "palette", "cmyk",
    "sixteen_bit", "alpha" (laid over white), "animated" (its first frame). EXIF orientation is left alone: no metric
    depends on which side is up.

    Raises:
        UndecodableError: "content_type", "too_large", "truncated" or "corrupt".
    """
    check_content_type(item, "image/")
    _check_signature(item)
    if item.value.startswith(_JPEG_START):
        return _read_jpeg(item.value, limits)
    return _read_other(item.value, limits)


def _check_signature(item: RawItem) -> None:
    """Refuse bytes that are plainly of another image format than declared: the producer mixed items up."""
    declared = media_type(item)
    actual = next((name for start, name in _SIGNATURES.items() if item.value.startswith(start)), None)
    if actual and declared not in {UNDECLARED, "image/*"} and _ALIASES.get(declared, declared) != actual:
        raise UndecodableError("content_type", f"declared {declared}, but the bytes are {actual}")


def _read_jpeg(value: bytes, limits: Limits) -> Picture:
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(value)
    except ValueError as error:
        raise _jpeg_error(value, error) from error
    limits.check_pixels(width, height)
    if colorspace in {"CMYK", "YCCK"}:
        return _read_other(value, limits)
    try:
        rgb: NDArray[np.uint8] = simplejpeg.decode_jpeg(value, colorspace="RGB", strict=True)
    except ValueError as error:
        raise _jpeg_error(value, error) from error
    return Picture(rgb, ("grayscale",) if colorspace == "Gray" else ())


def _jpeg_error(value: bytes, error: ValueError) -> UndecodableError:
    cut = "premature end" in str(error).lower() or b"\xff\xd9" not in value[-1024:]  # no end-of-image marker
    return UndecodableError("truncated" if cut else "corrupt", str(error))


def _read_other(value: bytes, limits: Limits) -> Picture:
    with opened(value, limits) as image:
        image.load()
        reasons = _reasons(value, image)
        return Picture(_to_rgb(image), reasons)


def _reasons(value: bytes, image: Image.Image) -> tuple[str, ...]:
    reasons = []
    if reason := _REASON_BY_MODE.get("I" if image.mode.startswith("I;") else image.mode):
        reasons.append(reason)
    if bits_per_channel(value, image) > 8:  # noqa: PLR2004 (bits of an ordinary picture)
        reasons.append("sixteen_bit")
    if image.has_transparency_data:
        reasons.append("alpha")
    if getattr(image, "is_animated", False):
        reasons.append("animated")
    return tuple(reasons)


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        gray = _to_eight_bits(np.asarray(image))
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        image = Image.alpha_composite(white, over)
    return np.array(image.convert("RGB"))  # a copy, for an array that may be written to


def _to_eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Map 16-bit values to 0..255; wider integers and floats from their own smallest to their largest."""
    wide = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(wide.min()), float(wide.max())
    if values.dtype.kind != "f" and low >= 0 and high <= 65535:  # noqa: PLR2004 (the largest 16-bit value)
        low, high = 0.0, 65535.0
    return np.round((wide - low) * (255.0 / ((high - low) or 1.0))).astype(np.uint8)
