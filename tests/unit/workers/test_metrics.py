from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.scorer import HEADS
from schemas.heads import HeadManifest
from tests.unit.workers.samples import chunks, head_slices, photographs
from workers.media import Chunk, Medium, Picture, Slice
from workers.metrics import METRIC_NAMES, STANDARD, family, measure
from workers.metrics.measure import FAMILY_OF


def check(medium: Medium) -> dict[str, float]:
    """Measure, and check what holds for any medium."""
    values = measure(medium)
    own = [one for one in STANDARD.metrics if one.family == family(medium)]
    assert tuple(values) == tuple(one.name for one in own)
    assert all(type(value) is float and math.isfinite(value) for value in values.values())
    assert all(one.low - 1e-5 <= values[one.name] <= one.high + 1e-5 for one in own)
    return values


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None)
@given(size=sizes, low=st.integers(0, 255), spread=st.integers(0, 255), seed=st.integers(0, 9))
def test_any_picture_has_all_metrics_and_they_are_finite(
    size: tuple[int, int], low: int, spread: int, seed: int
) -> None:
    high = min(255, low + spread)
    check(Picture(np.random.default_rng(seed).integers(low, high + 1, (*size, 3), dtype=np.uint8)))


@settings(deadline=None)
@given(size=sizes, scale=st.floats(0, 1), base=st.floats(0, 1), seed=st.integers(0, 9))
def test_any_slice_has_all_metrics_and_they_are_finite(
    size: tuple[int, int], scale: float, base: float, seed: int
) -> None:
    plane = np.clip(base + scale * np.random.default_rng(seed).random(size), 0, 1)
    check(Slice(plane.astype(np.float32)))


@settings(deadline=None)  # the first text has to wait for the language model
@given(st.text(max_size=400))
def test_any_text_has_all_metrics_and_they_are_finite(text: str) -> None:
    check(Chunk(text))


def test_all_that_the_bundled_heads_need_is_measured() -> None:
    for path in sorted(HEADS.glob("*/manifest.json")):
        manifest = HeadManifest.model_validate_json(path.read_bytes())
        present = STANDARD.versions(FAMILY_OF[manifest.kind])
        assert manifest.versions().items() <= present.items()
    assert all(len(set(names)) == len(names) for names in METRIC_NAMES.values())


def test_real_media_are_measured_alike_again() -> None:
    media: list[Medium] = [*photographs(), *head_slices(), *chunks()]
    for medium in media:
        assert check(medium) == check(medium)


def test_light_and_clipping_are_shares() -> None:
    half = np.zeros((64, 64, 3), dtype=np.uint8)
    half[:, 32:] = 255
    values = check(Picture(half))
    assert values["brightness"] == pytest.approx(0.5)
    assert values["contrast"] == pytest.approx(0.5)
    assert values["clipped_dark"] == values["clipped_bright"] == pytest.approx(0.5)
    assert values["entropy"] == pytest.approx(1.0)
    assert values["colourfulness"] == 0.0


@pytest.mark.parametrize("sigma", [2.0, 5.0, 15.0])
def test_noise_is_measured_in_levels(sigma: float) -> None:
    rng = np.random.default_rng(3)
    gray = np.clip(128 + rng.normal(0, sigma, (256, 256)), 0, 255).round().astype(np.uint8)
    measured = check(Picture(np.repeat(gray[:, :, None], 3, axis=2)))["noise_sigma"]
    assert measured == pytest.approx(sigma, rel=0.06)


def test_noise_of_a_slice_is_measured_in_its_own_scale() -> None:
    rng = np.random.default_rng(3)
    plane = np.clip(0.5 + rng.normal(0, 0.05, (200, 200)), 0, 1).astype(np.float32)
    assert check(Slice(plane))["noise_sigma"] == pytest.approx(0.05, rel=0.06)


def test_a_large_picture_is_measured_at_half_resolution_with_its_own_grid() -> None:
    blocks = np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8)
    gray = np.kron(blocks, np.ones((8, 8), dtype=np.uint8))  # 1600 x 2400
    values = check(Picture(np.repeat(gray[:, :, None], 3, axis=2)))
    assert values["blockiness"] > 4


def test_symmetry_and_shares_of_a_slice() -> None:
    plane = np.zeros((128, 128), dtype=np.float32)
    plane[32:96, 32:96] = 0.8
    values = check(Slice(plane))
    assert values["foreground_share"] == pytest.approx(0.25, abs=0.02)
    assert values["left_right"] == pytest.approx(1.0, abs=1e-4)
    assert values["background_energy"] == -6.0


PROSE = (
    "The keeper of the lighthouse climbed the stairs every evening. He lit the lamp, and the light went out over the "
    "sea. In the morning he wrote down the weather, the wind and the ships that had passed in the night."
)


def test_prose_looks_like_prose() -> None:
    values = check(Chunk(PROSE))
    assert values["odd_pairs"] == 0.0
    assert values["rare_bigrams"] < 0.03
    assert values["odd_words"] == 0.0
    assert 0.3 < values["stop_words"] < 0.6
    assert values["broken_sentences"] == 0.0
    assert values["sentence_length"] == pytest.approx(40 / 3, abs=1)


def test_pairs_that_no_sentence_has_are_counted() -> None:
    assert check(Chunk("the of cat a is dog the the bird of and"))["odd_pairs"] > 0.5


def test_words_of_letters_and_digits_are_odd_but_ordinals_and_years_are_not() -> None:
    assert check(Chunk("th1s te8t i5 0dd"))["odd_words"] == 1.0
    assert check(Chunk("the 3rd of the 1980s"))["odd_words"] == 0.0


def test_repeated_lines_and_phrases_are_counted() -> None:
    values = check(Chunk("go to the shop now\n" * 10))
    assert values["repeated_lines"] == pytest.approx(0.9)
    assert values["repeated_phrases"] > 0.8
    assert values["top_word"] == pytest.approx(0.2)
