"""Pictures made by code, each by its seed alone: ordinary scenes, and clean ones that are hard to call clean.

The ordinary ones have what photographs have: occlusion with edges of all sizes, texture whose power falls with the
square of the frequency (Field 1987), shading. Three makers: dead leaves (Lee, Mumford, Huang 2001), hills, streets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import fft

from workers.media import Picture

Plane = NDArray[np.float32]
HEIGHT, WIDTH = 480, 640
_OVER = 2  # times: drawn larger and averaged down, so that edges are as a lens and a sensor have them


def texture(shape: tuple[int, int], rng: np.random.Generator, slope: float = 1.0) -> Plane:
    """Return noise of mean 0 and deviation 1, (height, width), whose amplitude falls with frequency ** slope."""
    height, width = shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = 1.0
    spectrum = fft.rfft2(rng.standard_normal(shape, dtype=np.float32)) / (frequency**slope).astype(np.float32)
    spectrum[0, 0] = 0.0
    plane = fft.irfft2(spectrum, s=shape)
    return np.asarray(plane / (plane.std() + 1e-9), dtype=np.float32)


def dead_leaves(rng: np.random.Generator) -> Picture:
    """Draw discs and boxes of all sizes over each other, the last on top, each with its colour, shade and texture."""
    canvas, grain = _canvas(rng.uniform(60, 190, 3)), texture((HEIGHT * _OVER, WIDTH * _OVER), rng)
    for _ in range(500):
        radius = round(8 * _OVER * rng.random() ** -0.55)  # sizes by a power law, as things in pictures have them
        colour = rng.uniform(20, 235, 3).tolist()
        x, y = int(rng.integers(0, WIDTH * _OVER)), int(rng.integers(0, HEIGHT * _OVER))
        axes = (min(radius, 320), min(round(radius * rng.uniform(0.4, 1.0)), 320))
        cv2.ellipse(canvas, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, -1)
    return _finished(canvas * (1 + 0.1 * grain[:, :, None]), rng)


def hills(rng: np.random.Generator) -> Picture:
    """Draw rows of hills under a sky, each nearer, darker and rougher than the one behind."""
    height, width = HEIGHT * _OVER, WIDTH * _OVER
    top, low = rng.uniform((90, 130, 180), (150, 190, 250)), rng.uniform((190, 190, 190), (250, 240, 235))
    fall = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    clouds = texture((height, width), rng, 1.6)[:, :, None]
    canvas = (top * (1 - fall) + low * fall + 9 * clouds).astype(np.float32)
    rows = np.arange(height)[:, None]
    for depth in range(4):
        ridge = height * (0.35 + 0.15 * depth) + 40 * (4 - depth) * cv2.GaussianBlur(
            rng.normal(size=(1, width)).astype(np.float32), (0, 0), 60
        )
        tint = rng.uniform((40, 70, 30), (150, 160, 110)) * (1.05 - 0.17 * depth)
        rough = texture((height, width), rng, 0.9 - 0.1 * depth)[:, :, None]
        canvas = np.where((rows > ridge)[:, :, None], tint * (1 + (0.06 + 0.07 * depth) * rough), canvas)
    return _finished(canvas, rng)


def street(rng: np.random.Generator) -> Picture:
    """Draw houses with windows along a pavement."""
    height, width = HEIGHT * _OVER, WIDTH * _OVER
    canvas = _canvas(rng.uniform((150, 170, 190), (220, 230, 250)))
    grain = texture((height, width), rng)[:, :, None]
    ground, left = round(height * rng.uniform(0.75, 0.88)), 0
    while left < width:
        right = left + int(rng.integers(90, 240)) * _OVER
        top = round(height * rng.uniform(0.08, 0.45))
        cv2.rectangle(canvas, (left, top), (right, ground), rng.uniform(70, 215, 3).tolist(), -1)
        _windows(canvas, (left, top, right, ground), rng)
        left = right
    canvas[ground:] = rng.uniform(80, 140)
    return _finished(canvas * (1 + 0.08 * grain), rng)


def night(rng: np.random.Generator) -> Picture:
    """Draw lit windows and lamps before a dark sky: most of it is near black, and rightly so."""
    height, width = HEIGHT * _OVER, WIDTH * _OVER
    canvas = _canvas(rng.uniform(4, 22, 3)) + 2.5 * texture((height, width), rng)[:, :, None]
    left = 0
    while left < width:
        right, top = left + int(rng.integers(110, 260)) * _OVER, round(height * rng.uniform(0.25, 0.6))
        cv2.rectangle(canvas, (left, top), (right, height), rng.uniform(8, 34, 3).tolist(), -1)
        _windows(canvas, (left, top, right, height), rng, lit=True)
        left = right
    lamps = np.zeros_like(canvas)
    for _ in range(int(rng.integers(4, 14))):
        place = (int(rng.integers(0, width)), int(rng.integers(height // 3, height)))
        colour = rng.uniform((200, 150, 70), (255, 235, 190)).tolist()
        cv2.circle(lamps, place, int(rng.integers(5, 12)) * _OVER, colour, -1)
    canvas = canvas + lamps + 0.5 * _far_out_of_focus(lamps, 18)
    return _finished(canvas, rng)


def bokeh(rng: np.random.Generator) -> Picture:
    """Put a sharp subject before a background far out of focus, with the discs that lights become there."""
    height, width = HEIGHT * _OVER, WIDTH * _OVER
    behind = _far_out_of_focus(dead_leaves(rng).rgb.astype(np.float32), 22 // _OVER)
    behind = np.asarray(cv2.resize(behind, (width, height)), dtype=np.float32)
    for _ in range(int(rng.integers(8, 30))):
        place = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        disc = cv2.circle(np.zeros((height, width), np.uint8), place, int(rng.integers(12, 30)) * _OVER, 1, -1)
        behind[disc > 0] += (rng.uniform(0.1, 0.35) * rng.uniform(90, 255, 3)).astype(np.float32)
    front = np.asarray(cv2.resize(dead_leaves(rng).rgb, (width, height)), dtype=np.float32)
    front = front * (1 + 0.12 * texture((height, width), rng, 0.7)[:, :, None])
    mask = np.zeros((height, width), np.uint8)
    centre = (round(width * rng.uniform(0.35, 0.65)), round(height * rng.uniform(0.45, 0.65)))
    axes = (round(width * rng.uniform(0.16, 0.26)), round(height * rng.uniform(0.24, 0.38)))
    cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 1, -1)
    return _finished(np.where(mask[:, :, None] > 0, front, behind), rng)


def cartoon(rng: np.random.Generator) -> Picture:
    """Draw flat colours within dark outlines: no texture anywhere."""
    canvas = _canvas(rng.uniform(120, 250, 3))
    for _ in range(int(rng.integers(10, 22))):
        place = (int(rng.integers(0, WIDTH * _OVER)), int(rng.integers(0, HEIGHT * _OVER)))
        axes = (int(rng.integers(25, 150)) * _OVER, int(rng.integers(25, 150)) * _OVER)
        turn, colour = rng.uniform(0, 180), rng.uniform(30, 255, 3).tolist()
        cv2.ellipse(canvas, place, axes, turn, 0, 360, colour, -1)
        cv2.ellipse(canvas, place, axes, turn, 0, 360, (15, 12, 20), 3 * _OVER)
    return _finished(canvas, rng)


def plain(rng: np.random.Generator) -> Picture:
    """Put one thing before an even wall, as catalogues do: little else is in the picture."""
    height, width = HEIGHT * _OVER, WIDTH * _OVER
    fall = np.linspace(1.0, rng.uniform(0.8, 1.0), height, dtype=np.float32)[:, None, None]
    canvas = _canvas(rng.uniform(170, 225, 3)) * fall
    thing = np.zeros((height, width), np.uint8)
    centre = (round(width * rng.uniform(0.4, 0.6)), round(height * rng.uniform(0.45, 0.6)))
    axes = (round(width * rng.uniform(0.08, 0.16)), round(height * rng.uniform(0.12, 0.25)))
    cv2.ellipse(thing, centre, axes, rng.uniform(0, 180), 0, 360, 1, -1)
    grain = 1 + 0.15 * texture((height, width), rng)[:, :, None]
    return _finished(np.where(thing[:, :, None] > 0, rng.uniform(40, 180, 3) * grain, canvas), rng)


def page(rng: np.random.Generator) -> Picture:
    """Print a page: a heading, lines of words, and a ruled table of figures."""
    sheet = Image.new("RGB", (WIDTH, 960), (250, 249, 245))
    draw, y = ImageDraw.Draw(sheet), 40
    draw.text((50, y), _words(rng, 4).title(), font=ImageFont.load_default(28), fill=(20, 20, 20))
    body = ImageFont.load_default(15)
    for _ in range(int(rng.integers(12, 22))):
        y += 24
        draw.text((50, y + 30), _words(rng, 11), font=body, fill=(30, 30, 30))
    columns, y = int(rng.integers(3, 6)), y + 80
    step = (WIDTH - 100) // columns
    for row in range(int(rng.integers(5, 10))):
        for column in range(columns):
            box = (50 + column * step, y + row * 28, 50 + (column + 1) * step, y + (row + 1) * 28)
            draw.rectangle(box, outline=(90, 90, 90))
            draw.text((box[0] + 8, box[1] + 5), f"{rng.uniform(0, 999):.2f}", font=body, fill=(30, 30, 30))
    return Picture(np.asarray(sheet, dtype=np.uint8))


SCENES: Mapping[str, Callable[[np.random.Generator], Picture]] = MappingProxyType(
    {"dead leaves": dead_leaves, "hills": hills, "street": street}
)
HARD_SCENES: Mapping[str, Callable[[np.random.Generator], Picture]] = MappingProxyType(
    {"night": night, "bokeh": bokeh, "cartoon": cartoon, "little detail": plain, "page with table": page}
)


def _canvas(colour: NDArray[np.float64]) -> Plane:
    return np.ones((HEIGHT * _OVER, WIDTH * _OVER, 3), dtype=np.float32) * colour.astype(np.float32)


def _far_out_of_focus(plane: Plane, sigma: float) -> Plane:
    """Blur by `sigma` pixels of the finished picture, at a quarter of the size: nothing finer is left anyway."""
    height, width = plane.shape[:2]
    small = cv2.resize(plane, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma * _OVER / 4)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _windows(canvas: Plane, house: tuple[int, int, int, int], rng: np.random.Generator, *, lit: bool = False) -> None:
    left, top, right, bottom = house
    step = int(rng.integers(22, 44)) * _OVER
    for x in range(left + step // 3, right - step // 2, step):
        for y in range(top + step // 3, bottom - step // 2, step):
            if lit and rng.random() < 0.6:
                continue
            colour = rng.uniform((190, 150, 70), (255, 225, 150)) if lit else rng.uniform(15, 110, 3)
            cv2.rectangle(canvas, (x, y), (x + step // 2, y + round(step * 0.6)), colour.tolist(), -1)


def _finished(canvas: NDArray[np.floating], rng: np.random.Generator) -> Picture:
    """Average down, and add the little noise that every sensor has."""
    small = cv2.resize(np.asarray(canvas, dtype=np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    noisy = small + rng.normal(0.0, rng.uniform(0.3, 1.5), small.shape)
    return Picture(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def _words(rng: np.random.Generator, count: int) -> str:
    letters = np.array(list("eeeettaaooiinnsshhrrddlucmwfgypbvk"))
    return " ".join("".join(rng.choice(letters, int(rng.integers(2, 9)))) for _ in range(count))
