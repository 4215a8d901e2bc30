from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from schemas.items import RawItem
from workers.decode.content import check_picture
from workers.decode.limits import Limits
from workers.decode.orientation import jpeg_orientation, orientation, upright
from workers.decode.pillow import bits_per_channel, opened
from workers.media import Picture, UndecodableError

_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_SIXTEEN_BITS = 65535
_REASON_BY_MODE = {
    "1": "read_from_bilevel",
    "P": "read_from_palette",
    "PA": "read_from_palette",
    "CMYK": "read_from_cmyk",
    "LAB": "read_from_lab",
}
_REASON_BY_BITS = {16: "read_from_16_bit", 32: "read_from_32_bit"}


def read_picture(item: RawItem, limits: Limits) -> Picture:
    """Return the item's picture as 8-bit RGB, at its own resolution and the right way up.

    What is neither RGB nor gray of 8 bits is converted, and named in the reasons; workers/README.md lists them.

    Raises:
        UndecodableError: "wrong_content_type", "unsupported_content_type", "too_large", "truncated" or "corrupt".
    """
    declared = check_picture(item)
    read = _read_jpeg if item.value.startswith(_JPEG_START) else _read_other
    rgb, turn, reasons = read(item.value, limits)
    rgb, turned = upright(rgb, turn)
    return Picture(rgb, (*declared, *reasons, *turned))


_Read = tuple[NDArray[np.uint8], int, tuple[str, ...]]


def _read_jpeg(value: bytes, limits: Limits) -> _Read:
    limits.check_scans(value)
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(value)
    except (ValueError, KeyError) as error:  # KeyError: a subsampling that it has no name for
        if (refusal := _jpeg_error(value, error)).cause == "truncated":
            raise refusal from error
        return _read_other(value, limits)  # Pillow also reads rare subsamplings, and sizes that are too large
    limits.check_pixels(width, height)
    if colorspace in {"CMYK", "YCCK"}:
        return _read_other(value, limits)
    try:
        rgb: NDArray[np.uint8] = simplejpeg.decode_jpeg(value, colorspace="RGB", strict=True)
    except ValueError as error:
        raise _jpeg_error(value, error) from error
    return rgb, jpeg_orientation(value), ()


def _jpeg_error(value: bytes, error: ValueError | KeyError) -> UndecodableError:
    cut = "premature end" in str(error).lower() or _JPEG_END not in value[-1024:]
    return UndecodableError("truncated" if cut else "corrupt", str(error))


def _read_other(value: bytes, limits: Limits) -> _Read:
    with opened(value, limits) as image:
        turn = orientation(image)
        is_tiff = image.format == "TIFF"
        image.load()
        reasons = _reasons(value, image)
        rgb = _to_rgb(image)
    if is_tiff and turn != 1:  # Pillow has turned it already
        return rgb, 1, (*reasons, "turned_by_exif")
    return rgb, turn, reasons


def _reasons(value: bytes, image: Image.Image) -> tuple[str, ...]:
    found = (
        _REASON_BY_MODE.get(image.mode),
        _REASON_BY_BITS.get(bits_per_channel(value, image)),
        "flattened_on_white" if image.has_transparency_data else None,
        "first_frame_only" if getattr(image, "is_animated", False) else None,
    )
    return tuple(reason for reason in found if reason)


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        gray = _to_eight_bits(np.asarray(image))
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        image = Image.alpha_composite(white, over)
    elif image.mode == "LAB":
        image = _from_lab(image)
    elif image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow takes all CMYK JPEGs for Adobe's, which store ink inverted
    return np.array(image.convert("RGB"))  # a copy, for an array that may be written to


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    return image if converted is None else converted


def _to_eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Map 16-bit values to 0..255; wider integers and floats from their own smallest to their largest."""
    wide = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(wide.min()), float(wide.max())
    if values.dtype.kind != "f" and low >= 0 and high <= _SIXTEEN_BITS:
        low, high = 0.0, float(_SIXTEEN_BITS)
    return np.round((wide - low) * (255.0 / ((high - low) or 1.0))).astype(np.uint8)
