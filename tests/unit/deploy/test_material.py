from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.demo.material import HEAVY, Sample, samples
from deploy.scorer import HEADS


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return samples(tmp_path_factory.mktemp("material"))


def test_no_head_was_trained_on_the_demos_material(material: list[Sample]) -> None:
    manifests = [json.loads(path.read_text()) for path in HEADS.glob("*/manifest.json")]
    listed = {source["sha256"] for manifest in manifests for source in manifest["sources"]}
    assert {manifest["kind"] for manifest in manifests} == {"video-frame", "mri-slice", "document-chunk"}
    assert listed
    assert listed.isdisjoint({sample.origin.sha256 for sample in material})


def test_the_material_is_of_three_kinds_intact_and_damaged(material: list[Sample]) -> None:
    assert len(material) >= 18
    assert len({sample.parent_id for sample in material}) == len(material)
    by_kind = {kind: [s for s in material if s.origin.path.suffix == kind] for kind in (".mp4", ".gz", ".txt")}
    for chosen in by_kind.values():
        assert {0, HEAVY} <= {sample.severity for sample in chosen}


def test_the_damage_is_the_same_in_every_run(material: list[Sample], tmp_path: Path) -> None:
    again = samples(tmp_path, suffix="-again")
    chosen = next(place for place, sample in enumerate(material) if sample.damage == "ocr_noise")
    first, second = (list(runs[chosen].open().items) for runs in (material, again))
    assert [item.value for item in first] == [item.value for item in second]
    assert second[0].envelope.parent_id == material[chosen].parent_id + "-again"
