"""Golden values: pictures and slices of which a metric's value is known from its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.workers.samples import head_slices
from workers.media import Picture, Slice
from workers.metrics import measure
from workers.metrics.pictures import HALVE_ABOVE

Gray = NDArray[np.generic]


def gray(levels: Gray) -> dict[str, float]:
    return measure(Picture(np.repeat(np.asarray(levels, dtype=np.uint8)[:, :, None], 3, axis=2)))


def coloured(*halves: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> dict[str, float]:
    rgb = np.zeros((*size, 3), dtype=np.uint8)
    for place, colour in enumerate(halves):
        rgb[:, place * size[1] // len(halves) :] = colour
    return measure(Picture(rgb))


def checks(size: int = 64) -> Gray:
    rows, columns = np.indices((size, size))
    return (rows + columns) % 2 * 255


RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


@pytest.mark.parametrize(
    ("halves", "shares", "saturation", "colourfulness"),
    [
        ([RED], (1, 0, 0), 1, 0.3 * math.hypot(255, 127.5)),
        ([RED, GREEN], (1 / 2, 1 / 2, 0), 1, 255 + 0.3 * 127.5),
        ([BLUE, (255, 255, 0)], (1 / 3, 1 / 3, 1 / 3), 1, 255),
        ([WHITE, RED], (1 / 2, 1 / 4, 1 / 4), 1 / 2, math.hypot(127.5, 63.75) + 0.3 * math.hypot(127.5, 63.75)),
        ([(100, 50, 50)], (1 / 2, 1 / 4, 1 / 4), 1 / 2, 0.3 * math.hypot(50, 25)),
        ([WHITE, BLACK], (1 / 3, 1 / 3, 1 / 3), 0, 0),
        ([BLACK], (1 / 3, 1 / 3, 1 / 3), 0, 0),
    ],
)
def test_colours(
    halves: list[tuple[int, int, int]], shares: tuple[float, ...], saturation: float, colourfulness: float
) -> None:
    values = coloured(*halves)
    found = tuple(values[name] for name in ("red_share", "green_share", "blue_share"))
    assert found == pytest.approx(shares)
    assert values["saturation"] == pytest.approx(saturation)
    assert values["colourfulness"] == pytest.approx(colourfulness)


def test_size_and_shape() -> None:
    wide = coloured(WHITE, size=(90, 160))
    assert (wide["area"], wide["aspect_ratio"]) == (14400.0, 160 / 90)
    upright = coloured(WHITE, size=(4, 3))
    assert (upright["area"], upright["aspect_ratio"]) == (12, 0.75)
    large = Picture(np.zeros((1500, HALVE_ABOVE // 1500 + 2, 3), np.uint8))  # measured at half of its size
    assert measure(large)["area"] == large.rgb.shape[0] * large.rgb.shape[1]


def test_light() -> None:
    levels = np.repeat(np.array([0, 25, 26, 255]), 16).reshape(8, 8)
    values = gray(levels)
    assert values["brightness"] == pytest.approx(306 / 4 / 255)
    assert values["contrast"] == pytest.approx(np.array([0, 25, 26, 255]).std() / 255)
    assert values["entropy"] == pytest.approx(2)
    assert (values["clipped_dark"], values["clipped_bright"]) == (0.25, 0.25)
    assert values["black_share"] == 0.5


def test_detail() -> None:
    dot = np.zeros((10, 10))
    dot[5, 5] = 100
    assert gray(dot)["sharpness"] == pytest.approx(math.log10(1 + (400**2 + 4 * 100**2) / 100))
    ramp = gray(np.tile(2 * np.arange(100), (100, 1)))
    assert ramp["tenengrad"] == pytest.approx(math.log10(1 + 16**2 * 98 / 100))  # no slope at either border
    assert ramp["anisotropy"] == pytest.approx(1)
    step = np.zeros((100, 100))
    step[:, 50:] = 255
    assert gray(step)["edge_density"] == pytest.approx(2 / 100)
    fine = gray(checks())
    assert fine["blur_effect"] == pytest.approx(28 / 255, abs=0.02)  # a mean of nine levels of a checkerboard
    assert fine["high_frequency"] == pytest.approx(1, abs=0.01)
    assert fine["scale_ratio"] == 8
    flat = gray(np.full((64, 64), 90))
    assert (flat["flat_share"], flat["blur_effect"], flat["scale_ratio"], flat["anisotropy"]) == (1, 1, 0, 0)


def head(level: float = 0.5) -> NDArray[np.float32]:
    """Return a disc of tissue, a third of the field of view wide."""
    rows, columns = np.indices((192, 192)) - 96
    return np.where(rows**2 + columns**2 < 32**2, level, 0).astype(np.float32)


def test_signal_to_noise() -> None:
    rng = np.random.default_rng(5)
    real, imaginary = rng.normal(0, 0.01, (2, 192, 192))
    noisy = np.hypot(head() + real, imaginary).astype(np.float32)  # a magnitude image: Rayleigh's noise in air
    assert measure(Slice(noisy))["snr"] == pytest.approx(math.log10(0.5 / 0.01), abs=0.02)
    assert measure(Slice(head()))["snr"] == pytest.approx(math.log10(0.5 / 1e-3), abs=0.02)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_ghost_is_measured_against_the_signal(axis: int) -> None:
    ghosted = head() + 0.1 * np.roll(head(), 96, axis=axis)
    assert measure(Slice(ghosted))["ghosting"] == pytest.approx(0.1, abs=0.01)
    assert measure(Slice(head()))["ghosting"] == 0


def test_motion_is_seen_in_the_lines_of_k_space() -> None:
    whole = head_slices()[1]
    space = np.fft.fft2(whole.intensity)
    away = np.exp(-2j * np.pi * np.fft.fftfreq(space.shape[1]) * 6)  # six pixels, while every fourth line was acquired
    space[::4] *= away
    moved = np.clip(np.abs(np.fft.ifft2(space)), 0, 1).astype(np.float32)
    still, values = measure(whole), measure(Slice(moved))
    assert values["line_motion"] > 1.2 * still["line_motion"]
    assert values["background_energy"] > still["background_energy"] + 1
    assert values["entropy_focus"] > still["entropy_focus"]


def test_uneven_light_is_the_spread_of_what_smoothing_leaves() -> None:
    slope = np.linspace(-1, 1, 192, dtype=np.float32)
    biases = [measure(Slice(0.5 + 0.5 * rise * np.tile(slope, (192, 1))))["bias"] for rise in (0, 0.1, 0.2)]
    assert biases[0] == pytest.approx(0, abs=1e-6)
    assert biases[2] == pytest.approx(2 * biases[1], rel=0.01)
    assert biases[1] == pytest.approx(0.1 / math.sqrt(3), rel=0.15)  # a straight slope's spread; its ends are smoothed


def test_focus_is_the_entropy_of_the_light_s_shares() -> None:
    point = np.zeros((32, 32), dtype=np.float32)
    point[9, 9] = 1
    assert measure(Slice(point))["entropy_focus"] == pytest.approx(0, abs=1e-6)
    assert measure(Slice(np.full((32, 32), 0.4, np.float32)))["entropy_focus"] == pytest.approx(1)


def test_contrast_and_symmetry_of_tissue() -> None:
    halves = head(0.8)
    halves[:, :96] *= 0.25
    values = measure(Slice(halves))
    assert values["foreground_contrast"] == pytest.approx(0.6, abs=0.01)
    assert values["left_right"] < 0.5
    assert measure(Slice(head()))["left_right"] == pytest.approx(1, abs=0.02)
