from __future__ import annotations

import numpy as np
import pytest

from tests.bench import quality_scenes
from tests.bench.quality_material import MADE, real
from tests.bench.quality_phantoms import phantom
from tests.bench.quality_scenes import HARD_SCENES, SCENES
from tests.bench.quality_texts import lists, references, tables, tails
from workers.metrics import measure
from workers.metrics.shapes import shape


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make scenes small, and quick to make."""
    monkeypatch.setattr(quality_scenes, "HEIGHT", 192)
    monkeypatch.setattr(quality_scenes, "WIDTH", 256)


def test_a_phantom_is_the_same_every_time_and_another_for_another_seed() -> None:
    _, first = phantom(3, 4)
    _, again = phantom(3, 4)
    _, other = phantom(7, 4)
    assert all(np.array_equal(a.intensity, b.intensity) for a, b in zip(first, again, strict=True))
    assert first[0].intensity.shape != other[0].intensity.shape


@pytest.mark.parametrize("seed", range(2))
def test_a_phantom_looks_like_slices_of_a_head(seed: int) -> None:
    _, slices = phantom(seed, 4)
    for medium in slices:
        plane, found = medium.intensity, measure(medium)
        assert plane.dtype == np.float32
        assert 0.0 <= plane.min() < plane.max() <= 1.0
        assert 0.05 < found["foreground_share"] < 0.8
        assert found["snr"] > 1.0
        assert plane[:5, :5].mean() < 0.1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", [*SCENES, *HARD_SCENES])
def test_a_scene_depends_on_its_seed_alone(name: str) -> None:
    maker = {**SCENES, **HARD_SCENES}[name]
    first, again, other = (maker(np.random.default_rng(seed)).rgb for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.dtype == np.uint8


@pytest.mark.usefixtures("small")
def test_night_is_dark_and_a_cartoon_has_few_edges() -> None:
    made = {**SCENES, **HARD_SCENES}
    night, cartoon, street = (measure(made[name](np.random.default_rng(0))) for name in ("night", "cartoon", "street"))
    assert night["brightness"] < 0.5 * street["brightness"]
    assert cartoon["edge_density"] < street["edge_density"]


def test_texts_keep_their_form() -> None:
    table = '{| class="wikitable"\n! City !! People\n|-\n| [[Oslo]] || 7\n|-\n| Rome || 28\n|-\n| Bonn || 3\n|}\n'
    assert list(tables(table)) == ["City | People\nOslo | 7\nRome | 28\nBonn | 3"]
    entries = "".join(f"* [[Entry|entry]] number {place} of the list\n" for place in range(7))
    assert next(lists(entries)).splitlines()[0] == "- entry number 0 of the list"
    cited = "{{cite book|last=Doe|first=J|year=1999|title=On Heads|publisher=X}}" * 10
    assert next(references(cited)).splitlines()[1] == "2. Doe, J. (1999). On Heads. X."


def test_the_short_end_of_an_article_is_known_as_one() -> None:
    text = "It is a long article about a town by the sea. " * 9 + "It has one school and two churches, since 1911."
    (chunk,) = tails(text)
    assert chunk.tail
    assert chunk.text == "It has one school and two churches, since 1911."
    assert shape(chunk) == "tail"
    assert tails("It never ends " * 40) == ()


def test_sources_made_by_code_are_known_by_their_name() -> None:
    assert real("skimage/coins.png")
    assert not real(f"{MADE}head phantom 3, T2")
