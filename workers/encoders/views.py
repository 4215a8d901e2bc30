"""From a picture or slice to what an encoder sees: the whole, and pieces at native resolution.

Resizing to 224 averages blur, noise and block edges away. The second view is therefore a mosaic of four pieces that are
never resized, taken around the middles of the picture's quadrants.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.media import Medium, Picture, Slice

SIDE = 224


def pixels(medium: Medium) -> NDArray[np.uint8]:
    """Return a picture or slice as uint8 (height, width, 3); a slice's intensity is repeated over the channels.

    Raises:
        TypeError: the medium is neither.
    """
    if isinstance(medium, Picture):
        return medium.rgb
    if isinstance(medium, Slice):
        gray = np.rint(np.clip(medium.intensity, 0.0, 1.0) * 255.0).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    raise TypeError(f"a picture or slice is needed, not a {type(medium).__name__}")


def whole(rgb: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """Resize to (side, side, 3) without keeping the aspect ratio; averaging when shrinking, linear when growing."""
    shrinks = min(rgb.shape[:2]) >= side
    resized = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def square(rgb: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """Resize the square in the middle to (side, side, 3); what lies beside it is left out."""
    length = min(rgb.shape[:2])
    top, left = ((edge - length) // 2 for edge in rgb.shape[:2])
    return whole(rgb[top : top + length, left : left + length], side)


def mosaic(rgb: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """Join four unscaled pieces, one per quadrant, to (side, side, 3). Small pictures are mirrored outward.

    `side` is even; a piece is half of it.
    """
    piece = side // 2
    rgb = _at_least(rgb, side)
    height, width = rgb.shape[:2]
    tops = [height // 4 - piece // 2, height - height // 4 - piece // 2]
    lefts = [width // 4 - piece // 2, width - width // 4 - piece // 2]
    rows = [[rgb[top : top + piece, left : left + piece] for left in lefts] for top in tops]
    return np.vstack([np.hstack(row) for row in rows])


def _at_least(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    missing = [max(0, side - length) for length in rgb.shape[:2]]
    if not any(missing):
        return rgb
    margins = [(short // 2, short - short // 2) for short in missing]
    return np.pad(rgb, [*margins, (0, 0)], mode="symmetric")
