from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.workers.samples import opened, packaged
from workers.decode import InlineDecoder
from workers.media import Slice
from workers.sources import Parent, SourceError

VOLUME = packaged("nibabel", "tests/data/example4d.nii.gz")
HEAD = packaged("nilearn", "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")


def slices(parent: Parent) -> list[Slice]:
    media = [InlineDecoder().decode(raw) for raw in parent.items]
    return [medium for medium in media if isinstance(medium, Slice)]


def test_a_volume_gives_its_slices_with_one_window() -> None:
    parent = opened(HEAD)
    items = list(parent.items)
    assert parent.count == len(items) == 189
    assert {(raw.envelope.window_low, raw.envelope.window_high) for raw in items} == {(0.0, 228.0)}
    assert items[0].envelope.empty
    assert not items[90].envelope.empty
    assert all(raw.envelope.count == 189 for raw in items)


def test_a_series_is_read_as_its_first_volume_with_a_note() -> None:
    parent = opened(VOLUME)
    assert "first" in parent.notes[0]
    assert parent.count == 24


def save(path: Path, data: NDArray[np.generic], axes: tuple[float, float, float] = (1, 1, 1)) -> Path:
    nib.save(nib.Nifti1Image(data, np.diag([*axes, 1.0])), path)
    return path


def test_slices_are_in_canonical_orientation_whatever_the_file_has(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 4000, (6, 8, 5)).astype(np.int16)
    plain = slices(opened(save(tmp_path / "ras.nii", data)))
    flipped = slices(opened(save(tmp_path / "lps.nii", data[::-1, ::-1], (-1, -1, 1))))
    assert [s.intensity.shape for s in plain] == [(8, 6)] * 5
    assert all(np.array_equal(a.intensity, b.intensity) for a, b in zip(plain, flipped, strict=True))


@pytest.mark.parametrize(
    ("plane", "count", "shape"), [("axial", 5, (8, 6)), ("coronal", 8, (5, 6)), ("sagittal", 6, (5, 8))]
)
def test_slices_are_cut_along_the_wished_plane(tmp_path: Path, plane: str, count: int, shape: tuple[int, int]) -> None:
    data = np.random.default_rng(0).random((6, 8, 5)).astype(np.float32)
    cut = slices(opened(save(tmp_path / "v.nii.gz", data), plane=plane))
    assert [s.intensity.shape for s in cut] == [shape] * count


def test_all_planes_are_one_parent_axial_then_coronal_then_sagittal(tmp_path: Path) -> None:
    path = save(tmp_path / "v.nii.gz", np.random.default_rng(0).random((6, 8, 5)).astype(np.float32))
    parent = opened(path, plane="all")
    items = list(parent.items)
    single = [item for plane in ("axial", "coronal", "sagittal") for item in opened(path, plane=plane).items]
    assert [item.value for item in items] == [item.value for item in single]
    assert [item.envelope.index for item in items] == list(range(5 + 8 + 6))
    assert {(item.envelope.parent_id, item.envelope.count) for item in items} == {(parent.parent_id, 19)}
    assert len({(item.envelope.window_low, item.envelope.window_high) for item in items}) == 1


def test_whole_numbers_survive_exactly_and_the_top_row_is_anterior(tmp_path: Path) -> None:
    data = np.zeros((4, 3, 1), dtype=np.int16)
    data[:, 2, 0] = (-5, 100, 2000, 995)  # the most anterior row
    low, high = np.percentile(data, (1, 99.5))
    [only] = slices(opened(save(tmp_path / "v.nii", data)))
    assert only.intensity[0] == pytest.approx(np.clip((data[:, 2, 0] - low) / (high - low), 0, 1), abs=1e-6)


def test_what_is_no_number_is_dark_and_noted(tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((6, 8, 3)).astype(np.float32)
    data[0, 0, 0], data[1, 0, 0] = np.nan, np.inf
    parent = opened(save(tmp_path / "v.nii", data))
    first = slices(parent)[0].intensity
    assert first[7, 0] == first[7, 1] == 0.0
    assert "2 voxels" in parent.notes[0]
    [masked, *others] = opened(tmp_path / "v.nii").items
    assert masked.envelope.read_as == ("nan_masked",)
    assert {item.envelope.read_as for item in others} == {()}


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_a_volume_without_contrast_is_all_empty(tmp_path: Path, value: float) -> None:
    parent = opened(save(tmp_path / "v.nii", np.full((6, 8, 3), value, dtype=np.float32)))
    assert [raw.envelope.empty for raw in parent.items] == [True] * 3


def test_a_volume_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = nib.Nifti2Header()
    header.set_data_shape((2**21, 2**21, 2**21))
    header.set_data_dtype(np.uint8)
    (tmp_path / "v.nii").write_bytes(header.binaryblock + b"\0" * 64)
    with pytest.raises(SourceError, match="more than the limit"):
        opened(tmp_path / "v.nii")


def test_a_truncated_volume_names_the_file(tmp_path: Path) -> None:
    whole = HEAD.read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"cut\.nii\.gz"):
        opened(tmp_path / "cut.nii.gz")
