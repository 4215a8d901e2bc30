"""Damage to pictures, each as strong in pixels or levels as its table says, whatever the picture's size.

The kinds and the order of the steps follow Hendrycks, Dietterich 2019 (ImageNet-C).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from workers.damage.registry import PictureDamage, at
from workers.media import Picture

_REFERENCE = 720  # pixels of the shorter side at which the lengths below hold; others are scaled


def _scaled(length: float, picture: Picture) -> float:
    shorter: int = min(picture.rgb.shape[:2])
    return length * max(0.25, shorter / _REFERENCE)


def gaussian_blur(picture: Picture, severity: int, _rng: np.random.Generator) -> Picture:
    """Blur as a lens out of focus does."""
    sigma = _scaled(at(severity, (1.5, 2.5, 4.0, 6.0, 10.0)), picture)
    return Picture(cv2.GaussianBlur(picture.rgb, (0, 0), sigma))


def motion_blur(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Blur along a straight line of random direction, as a moving camera does."""
    length = max(3, round(_scaled(at(severity, (9, 15, 25, 40, 60)), picture))) | 1
    kernel = np.zeros((length, length), dtype=np.float32)
    angle = rng.uniform(0, np.pi)
    half = (length - 1) / 2
    dx, dy = half * np.cos(angle), half * np.sin(angle)
    ends = [(round(half - dx), round(half - dy)), (round(half + dx), round(half + dy))]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return Picture(cv2.filter2D(picture.rgb, -1, kernel / kernel.sum()))


def gaussian_noise(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Add independent noise to every channel, as a sensor in the dark does."""
    sigma = at(severity, (6.0, 12.0, 20.0, 32.0, 50.0))
    noise = rng.standard_normal(picture.rgb.shape, dtype=np.float32) * np.float32(sigma)
    return Picture(_levels(picture.rgb + noise))


def jpeg_compression(picture: Picture, severity: int, _rng: np.random.Generator) -> Picture:
    """Compress and decompress at a low quality."""
    quality = at(severity, (30, 20, 13, 8, 4))
    value = simplejpeg.encode_jpeg(np.ascontiguousarray(picture.rgb), quality=quality, colorsubsampling="420")
    return Picture(simplejpeg.decode_jpeg(value))


def dark(picture: Picture, severity: int, _rng: np.random.Generator) -> Picture:
    """Take light away: shadows drown in black."""
    factor = at(severity, (0.55, 0.4, 0.28, 0.17, 0.08))
    return Picture(_levels(picture.rgb.astype(np.float32) * factor - 12.0 * (1 - factor)))


def bright(picture: Picture, severity: int, _rng: np.random.Generator) -> Picture:
    """Expose for too long: lights burn out to white."""
    factor = at(severity, (1.5, 2.0, 2.7, 3.8, 6.0))
    return Picture(_levels(picture.rgb.astype(np.float32) * factor + 15.0 * (factor - 1)))


def occlusion(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Cover a part with one flat rectangle, as a finger or a hand over the lens does."""
    share = at(severity, (0.12, 0.22, 0.35, 0.5, 0.7))
    height, width = picture.rgb.shape[:2]
    tall = max(1, round(height * np.sqrt(share)))
    wide = max(1, round(width * np.sqrt(share)))
    top, left = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
    rgb = picture.rgb.copy()
    rgb[top : top + tall, left : left + wide] = rng.integers(0, 60, 3)
    return Picture(rgb)


def dropped_blocks(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Turn random 32 x 32 blocks gray, as a video decoder does with what never arrived."""
    share = at(severity, (0.05, 0.1, 0.2, 0.35, 0.55))
    height, width = picture.rgb.shape[:2]
    lost = rng.random((-(-height // 32), -(-width // 32))) < share
    mask = np.kron(lost, np.ones((32, 32), dtype=bool))[:height, :width]
    rgb = picture.rgb.copy()
    rgb[mask] = 128
    return Picture(rgb)


def low_resolution(picture: Picture, severity: int, _rng: np.random.Generator) -> Picture:
    """Shrink and enlarge again: many pixels, few of them known."""
    factor = at(severity, (0.5, 0.35, 0.25, 0.16, 0.1))
    height, width = picture.rgb.shape[:2]
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    shrunk = cv2.resize(picture.rgb, small, interpolation=cv2.INTER_AREA)
    return Picture(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC))


def _levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


PICTURE_DAMAGES: Final[dict[str, PictureDamage]] = {
    "gaussian_blur": gaussian_blur,
    "motion_blur": motion_blur,
    "gaussian_noise": gaussian_noise,
    "jpeg_compression": jpeg_compression,
    "dark": dark,
    "bright": bright,
    "occlusion": occlusion,
    "dropped_blocks": dropped_blocks,
    "low_resolution": low_resolution,
}
