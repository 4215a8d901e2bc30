from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.workers.dicoms import broken_off, found, image, opened, phantom, save_all, shipped
from workers.sources import SourceError


def test_what_is_no_slice_to_judge_is_counted_with_its_reason(tmp_path: Path) -> None:
    colour = np.zeros((16, 16, 3), dtype=np.uint8)
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "Rows": 16}
    datasets = [
        image(phantom(1), 1),
        image(phantom(1), 1),
        image(phantom(2), 2, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        image(phantom(3), 3, ImageType=["DERIVED", "PRIMARY", "M"]),
        image(phantom(4), 4, ImageType=["ORIGINAL", "SECONDARY"]),
        image(phantom(5), 5, ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]),
        image(phantom(6), 6, BurnedInAnnotation="YES"),
        image(phantom(7), 7, SOPClassUID="1.2.840.10008.5.1.4.1.1.4.9999"),
        image(colour, 8, Columns=16, **tags),
    ]
    others = [shipped("reportsi.dcm"), shipped("CT_small.dcm"), shipped("SC_rgb_rle.dcm")]
    series = found(*save_all(tmp_path, *datasets), *others)
    assert len(series.parents) == 1
    assert not series.problems
    assert series.skipped == (
        "1 skipped: Basic Text SR Storage, which is no MR image",
        "1 skipped: CT Image Storage, which is no MR image",
        "1 skipped: Secondary Capture Image Storage, which is no MR image",
        "1 skipped: a copy of a slice that is there already",
        "2 skipped: a derived or secondary image",
        "1 skipped: a localizer",
        "1 skipped: a mosaic of many slices in one",
        "1 skipped: a picture in colour",
        "1 skipped: pixels with text burned in, which may name a patient",
        "1 skipped: something private, which is no MR image",
    )


@pytest.mark.parametrize("keep", [0.5, 0.97])
def test_of_a_series_with_a_truncated_file_the_others_go_and_the_parent_lacks_one(tmp_path: Path, keep: float) -> None:
    paths = save_all(tmp_path, *(image(phantom(n, side=64), n) for n in range(1, 5)))
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: int(len(whole) * keep)])
    [parent] = opened(*paths)
    came, error = broken_off(parent)
    assert parent.count == 4
    assert came == [0, 2, 3]
    assert error is not None
    assert error.path == paths[1]


def test_a_series_of_which_nothing_can_be_read_is_a_problem(tmp_path: Path) -> None:
    [path] = save_all(tmp_path, image(phantom(1), 1))
    path.write_bytes(path.read_bytes()[:-100])
    [series] = found(path).parents
    with pytest.raises(SourceError, match=r"000\.dcm: has pixels that cannot be read"):
        series()


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({"Rows": 65535, "Columns": 65535}, "announces 1 x 65535 x 65535 pixels"),
        ({"Rows": 8000, "Columns": 8000, "NumberOfFrames": 2_000_000_000}, "announces 2000000000 x 8000"),
        ({"Rows": 0}, "without a size"),
        ({"SeriesInstanceUID": None}, "without a size or a series"),
        ({"SOPClassUID": None}, "what kind of object"),
    ],
)
def test_a_header_that_promises_too_much_or_too_little_is_refused(
    tmp_path: Path, tags: dict[str, Any], says: str
) -> None:
    good, bad = save_all(tmp_path, image(phantom(1), 1), image(phantom(2), 2))
    dataset = image(phantom(2), 2, **tags)
    dataset.save_as(bad, enforce_file_format="SOPClassUID" not in tags)
    series = found(good, bad)
    assert len(series.parents) == 1
    assert says in series.problems[0].problem


def test_a_series_of_more_than_fits_into_memory_is_refused_before_its_pixels_are_read(tmp_path: Path) -> None:
    [series] = found(
        *save_all(tmp_path, *(image(phantom(n), n, Rows=8000, Columns=8000) for n in range(1, 11)))
    ).parents
    with pytest.raises(SourceError, match="a series of 10 x 8000 x 8000 pixels"):
        series()


@pytest.mark.parametrize(
    "content", [b"", b"plain words", b"\x08\x00\x05\x00garbage", b"\0" * 128 + b"DICM" + b"\xff" * 64]
)
def test_what_is_no_dicom_is_a_problem_and_the_others_go_on(tmp_path: Path, content: bytes) -> None:
    [good] = save_all(tmp_path, image(phantom(1), 1))
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(content)
    series = found(bad, tmp_path / "absent.dcm", good)
    assert [problem.path.name for problem in series.problems] == ["bad.dcm", "absent.dcm"]
    assert len(series.parents) == 1
