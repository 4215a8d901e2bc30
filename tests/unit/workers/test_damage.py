from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from schemas.items import RawItem, content_hash
from tests.unit.workers.samples import chunks, head_slices, item, packaged, photographs
from workers.damage import (
    CHUNK_DAMAGES,
    PICTURE_DAMAGES,
    SLICE_DAMAGES,
    corrupt_bytes,
    corrupt_items,
    damage_item,
    drop_items,
)
from workers.decode import InlineDecoder
from workers.media import Chunk, Picture, Slice, UndecodableError
from workers.metrics import measure
from workers.sources import SourceOptions, open_parent
from workers.sources.encode import jpeg


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


# Which metric tells which damage, and whether it rises or falls.
TELLS_OF_PICTURES = [
    ("gaussian_blur", "blur_effect", 1),
    ("gaussian_blur", "scale_ratio", -1),
    ("gaussian_blur", "sharpness", -1),
    ("motion_blur", "blur_effect", 1),
    ("motion_blur", "anisotropy", 1),
    ("gaussian_noise", "noise_sigma", 1),
    ("gaussian_noise", "high_frequency", 1),
    ("jpeg_compression", "blockiness", 1),
    ("dark", "brightness", -1),
    ("bright", "clipped_bright", 1),
    ("occlusion", "flat_share", 1),
    ("dropped_blocks", "blockiness", 1),
    ("low_resolution", "blur_effect", 1),
]
TELLS_OF_SLICES = [
    ("motion", "background_energy", 1),
    ("ghosting", "ghosting", 1),
    ("noise", "noise_sigma", 1),
    ("noise", "snr", -1),
    ("blur", "scale_ratio", -1),
    ("soft_focus", "sharpness", -1),
    ("bias_field", "bias", 1),
    ("dropout", "left_right", -1),
    ("spikes", "spike", 1),
]
TELLS_OF_CHUNKS = [
    ("ocr_noise", "rare_bigrams", 1),
    ("ocr_noise", "odd_words", 1),
    ("shuffled_words", "odd_pairs", 1),
    ("shuffled_words", "broken_sentences", 1),
    ("repetition", "repeated_phrases", 1),
    ("boilerplate", "symbols", 1),
    ("truncated", "length", -1),
]


@pytest.mark.parametrize(("damage", "metric", "sign"), TELLS_OF_PICTURES)
def test_each_damage_of_a_picture_moves_the_metric_that_tells(damage: str, metric: str, sign: int) -> None:
    for photograph in photographs():
        ladder = [measure(photograph)[metric]]
        ladder += [measure(PICTURE_DAMAGES[damage](photograph, s, rng()))[metric] for s in (1, 3, 5)]
        moves = sign * np.diff(ladder)
        assert moves[0] > 0, ladder
        assert sign * (ladder[3] - ladder[1]) > 0, ladder


@pytest.mark.parametrize(("damage", "metric", "sign"), TELLS_OF_SLICES)
def test_each_damage_of_a_slice_moves_the_metric_that_tells(damage: str, metric: str, sign: int) -> None:
    good = np.mean([measure(medium)[metric] for medium in head_slices()])
    for severity in (1, 3):
        bad = np.mean([measure(SLICE_DAMAGES[damage](medium, severity, rng()))[metric] for medium in head_slices()])
        assert sign * (bad - good) > 0
        good = bad


@pytest.mark.parametrize(("damage", "metric", "sign"), TELLS_OF_CHUNKS)
def test_each_damage_of_a_text_moves_the_metric_that_tells(damage: str, metric: str, sign: int) -> None:
    good = np.mean([measure(chunk)[metric] for chunk in chunks()])
    for severity in (1, 3, 5):
        bad = np.mean([measure(CHUNK_DAMAGES[damage](chunk, severity, rng()))[metric] for chunk in chunks()])
        assert sign * (bad - good) > 0
        good = bad


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_damage_keeps_shape_and_type_leaves_the_original_and_can_be_repeated(severity: int) -> None:
    photograph, head, chunk = photographs()[2], head_slices()[0], chunks()[0]
    rgb, intensity = photograph.rgb.copy(), head.intensity.copy()
    for of_picture in PICTURE_DAMAGES.values():
        bad = of_picture(photograph, severity, rng())
        assert bad.rgb.shape == rgb.shape
        assert bad.rgb.dtype == np.uint8
        assert np.array_equal(bad.rgb, of_picture(photograph, severity, rng()).rgb)
    for of_slice in SLICE_DAMAGES.values():
        worse = of_slice(head, severity, rng()).intensity
        assert worse.shape == intensity.shape
        assert worse.dtype == np.float32
        assert worse.min() >= 0
        assert worse.max() <= 1
    for of_chunk in CHUNK_DAMAGES.values():
        assert of_chunk(chunk, severity, rng()) == of_chunk(chunk, severity, rng()) != chunk
    assert np.array_equal(photograph.rgb, rgb)
    assert np.array_equal(head.intensity, intensity)


@pytest.mark.parametrize("severity", [0, 6, -1])
def test_another_severity_is_an_error(severity: int) -> None:
    with pytest.raises(ValueError, match="severity is 1 to 5"):
        CHUNK_DAMAGES["truncated"](Chunk("text"), severity, rng())


def test_the_smallest_media_can_be_damaged() -> None:
    for of_picture in PICTURE_DAMAGES.values():
        of_picture(Picture(np.zeros((1, 1, 3), dtype=np.uint8)), 5, rng())
    for of_slice in SLICE_DAMAGES.values():
        of_slice(Slice(np.zeros((8, 8), dtype=np.float32)), 5, rng())
    for of_chunk in CHUNK_DAMAGES.values():
        of_chunk(Chunk("a"), 5, rng())


def frames(count: int) -> Iterator[RawItem]:
    value = jpeg(photographs()[2].rgb[:64, :64])
    return (item(value, "video-frame", "image/jpeg", index=index, id=f"p/{index}") for index in range(count))


def test_dropped_items_are_missing_and_the_others_unchanged() -> None:
    left = list(drop_items(frames(200), 4, rng()))
    assert 90 < len(left) < 150
    assert {raw.envelope.index for raw in left} < set(range(200))


def test_corrupted_items_arrive_and_some_cannot_be_read() -> None:
    failed = 0
    arrived = list(corrupt_items(frames(50), 5, rng()))
    for raw in arrived:
        try:
            InlineDecoder().decode(raw)
        except UndecodableError:
            failed += 1
    assert len(arrived) == 50
    assert 15 < failed < 45


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_corrupted_bytes_are_undecodable(severity: int) -> None:
    value = corrupt_bytes(jpeg(photographs()[0].rgb), severity, rng())
    with pytest.raises(UndecodableError) as caught:
        InlineDecoder().decode(item(value))
    assert caught.value.cause in {"empty", "truncated", "corrupt"}


def test_an_item_of_each_kind_can_be_damaged_and_published_again() -> None:
    volume = open_parent(packaged("nibabel", "tests/data/example4d.nii.gz"), options=SourceOptions(plane="coronal"))
    document = open_parent(packaged("iscc_samples", "files/text/demo.md"))
    cases = [(next(frames(1)), "dark"), (next(volume.items), "noise"), (next(document.items), "ocr_noise")]
    for good, damage in cases:
        bad = damage_item(good, damage, 3, rng())
        assert bad.envelope.id == good.envelope.id
        assert bad.envelope.content_hash == content_hash(bad.value) != good.envelope.content_hash
        InlineDecoder().decode(bad)
