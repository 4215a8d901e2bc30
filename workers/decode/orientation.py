"""Which side of a picture is up. Cameras store what the sensor saw, and how it was held beside it."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

_Pixels = NDArray[np.uint8]
_EXIF: Final = b"Exif\0\0"
_HEAD_BYTES: Final = 256 * 1024  # of a JPEG: its EXIF segment, 64 KB at most, is among the first

# Source: Exif 2.32, section 4.6.4, tag Orientation.
_TURNS: Final = MappingProxyType[int, Callable[[_Pixels], _Pixels]](
    {
        2: np.fliplr,
        3: lambda rgb: np.rot90(rgb, 2),
        4: np.flipud,
        5: lambda rgb: rgb.transpose(1, 0, 2),
        6: lambda rgb: np.rot90(rgb, -1),
        7: lambda rgb: np.rot90(rgb, 2).transpose(1, 0, 2),
        8: np.rot90,
    }
)


def orientation(image: Image.Image) -> int:
    """Return how an image has to be turned: 1 to 8, and 1 where it does not say, or not in a way that can be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 (a damaged note about a picture is no damage of the picture)
        return 1
    return value if value in _TURNS else 1


def jpeg_orientation(value: bytes) -> int:
    """Return the orientation of a JPEG, whose pixels are not touched."""
    if _EXIF not in value[:_HEAD_BYTES]:
        return 1
    try:
        with Image.open(io.BytesIO(value), formats=("JPEG",)) as image:
            return orientation(image)
    except Exception:  # noqa: BLE001 (as above; what is wrong with the picture is said by its decoder)
        return 1


def upright(rgb: _Pixels, turn: int) -> tuple[_Pixels, tuple[str, ...]]:
    """Return a picture (height, width, 3) the right way up, and the reason "turned_by_exif" where that turned it."""
    if turn == 1:
        return rgb, ()
    return np.ascontiguousarray(_TURNS[turn](rgb)), ("turned_by_exif",)
