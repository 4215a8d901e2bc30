from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.workers.dicoms import (
    AXIAL,
    SERIES,
    brightest,
    enhanced,
    found,
    image,
    opened,
    phantom,
    save,
    save_all,
    shipped,
)
from workers.decode import InlineDecoder
from workers.media import Slice
from workers.sources.dicom import is_dicom


def test_a_series_of_two_echoes_gives_two_parents_in_the_order_of_space(tmp_path: Path) -> None:
    numbers = random.Random(0).sample(range(1, 25), 24)
    datasets = [
        image(
            phantom(place + 100 * echo),
            number,
            EchoNumbers=echo + 1,
            EchoTime=4.6 * (echo + 1),
            ImagePositionPatient=[-8, -8, 3.0 * place],
        )
        for number, (place, echo) in zip(numbers, ((p, e) for p in range(12) for e in (0, 1)), strict=True)
    ]
    first, second = opened(*save_all(tmp_path, *datasets))
    assert brightest(first) == list(range(12))
    assert brightest(second) == list(range(100, 112))
    assert first.count == second.count == 12
    assert first.parent_id != second.parent_id
    assert first.kind == "mri-slice"
    assert first.notes == second.notes == ()


def test_slices_share_one_window_and_are_scored_as_slices(tmp_path: Path) -> None:
    [parent] = opened(*save_all(tmp_path, *(image(phantom(n), n) for n in range(1, 6))))
    items = list(parent.items)
    assert [(item.envelope.index, item.envelope.count) for item in items] == [(n, 5) for n in range(5)]
    assert {item.envelope.content_type for item in items} == {"image/png"}
    low, high = np.percentile(np.stack([phantom(n) for n in range(1, 6)]), (1, 99.5))
    assert {(item.envelope.window_low, item.envelope.window_high) for item in items} == {(low, high)}
    media = [InlineDecoder().decode(item) for item in items]
    assert all(isinstance(medium, Slice) and medium.reasons == () for medium in media)


_PRIVATE: dict[str, tuple[int, int, str, Callable[[int], Any]]] = {
    "SIEMENS MR HEADER": (0x0019, 0x0C, "IS", lambda b: b),
    "GEMS_PARM_01": (0x0043, 0x39, "IS", lambda b: [1_000_000_000 + b, 8, 0, 0]),
    "Philips Imaging DD 001": (0x2001, 0x03, "FL", float),
}


@pytest.mark.parametrize("creator", [None, *_PRIVATE])
def test_a_diffusion_series_is_split_by_its_b_values(tmp_path: Path, creator: str | None) -> None:
    datasets = []
    for number, (place, b_value) in enumerate(((p, b) for p in range(3) for b in (0, 1000)), start=1):
        dataset = image(phantom(place + b_value), number, ImagePositionPatient=[0, 0, place])
        if creator is None:
            dataset.DiffusionBValue = b_value
        else:
            group, element, kind, written = _PRIVATE[creator]
            dataset.private_block(group, creator, create=True).add_new(element, kind, written(b_value))
        datasets.append(dataset)
    parents = opened(*save_all(tmp_path, *datasets))
    assert sorted(brightest(parent) for parent in parents) == [[0, 1, 2], [1000, 1001, 1002]]


@pytest.mark.parametrize("tag", ["TemporalPositionIdentifier", "AcquisitionTime", "TriggerTime", "InstanceNumber"])
def test_a_series_that_returns_to_its_positions_is_split_by_time(tmp_path: Path, tag: str) -> None:
    """The later the instance number, the earlier it was taken, but where the numbers are all there is."""
    datasets = []
    for number, (time, place) in enumerate(((t, p) for t in (2, 1, 0) for p in (1, 0)), start=1):
        tags: dict[str, Any] = {tag: f"10{time:02d}00" if tag == "AcquisitionTime" else 1 + time}
        if tag == "InstanceNumber":
            tags = {tag: 1 + 2 * time + place}
        datasets.append(image(phantom(10 * time + place), number, ImagePositionPatient=[0, 0, place], **tags))
    parents = opened(*save_all(tmp_path, *datasets))
    assert [brightest(parent) for parent in parents] == [[0, 1], [10, 11], [20, 21]]


def test_slices_of_other_directions_sizes_and_image_types_are_other_parents(tmp_path: Path) -> None:
    coronal = [1, 0, 0, 0, 0, -1]
    nearly = [0.9999999, 0.0001, 0, -0.0001, 0.9999999, 0]
    datasets = [
        image(phantom(1), 1),
        image(phantom(2), 2, ImageOrientationPatient=nearly),
        image(phantom(3), 3, ImageOrientationPatient=coronal),
        image(phantom(4, side=8), 4),
        image(phantom(5), 5, ImageType=["ORIGINAL", "PRIMARY", "P"]),
    ]
    parents = opened(*save_all(tmp_path, *datasets))
    assert sorted(brightest(parent) for parent in parents) == [[1, 2], [3], [4], [5]]


@pytest.mark.parametrize(
    ("orientation", "axis", "towards"),
    [
        (AXIAL, 2, 1),  # to the head
        ([1, 0, 0, 0, -1, 0], 2, 1),  # the normal points to the feet
        ([1, 0, 0, 0, 0, -1], 1, -1),  # to the front: -y in DICOM's system
        ([0, 1, 0, 0, 0, -1], 0, -1),  # to the right: -x
    ],
)
def test_slices_go_to_the_right_front_or_head_as_a_volumes_do(
    tmp_path: Path, orientation: list[int], axis: int, towards: int
) -> None:
    datasets = []
    for number in range(1, 5):
        position = [0.0, 0.0, 0.0]
        position[axis] = -3.0 * number * towards
        tags = {"ImageOrientationPatient": orientation, "ImagePositionPatient": position}
        datasets.append(image(phantom(number), number, **tags))
    [parent] = opened(*save_all(tmp_path, *datasets))
    assert brightest(parent) == [4, 3, 2, 1]


@pytest.mark.parametrize("missing", ["ImageOrientationPatient", "ImagePositionPatient"])
def test_without_a_place_in_space_the_instance_numbers_order_and_a_note_says_so(tmp_path: Path, missing: str) -> None:
    datasets = [image(phantom(number), number, **{missing: None}) for number in (3, 1, 2)]
    [parent] = opened(*save_all(tmp_path, *datasets))
    assert brightest(parent) == [1, 2, 3]
    assert "instance numbers" in parent.notes[0]


def test_missing_slices_are_noted(tmp_path: Path) -> None:
    [parent] = opened(*save_all(tmp_path, *(image(phantom(n), n) for n in (1, 2, 3, 4, 7, 8, 10))))
    assert "about 3 slices seem to be missing" in parent.notes[0]
    assert parent.count == 7


def test_an_enhanced_object_is_read_frame_by_frame(tmp_path: Path) -> None:
    path = save(tmp_path / "e.dcm", enhanced([phantom(n) for n in range(4)], [3, 1, 3, 1], [5, 5, 9, 9]))
    first, second = opened(path)
    twice = [int(2 * phantom(n).max()) - 1000 for n in range(4)]
    assert brightest(first) == [twice[1], twice[0]]
    assert brightest(second) == [twice[3], twice[2]]


def test_several_frames_that_do_not_say_where_they_lie_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.dcm", image(np.stack([phantom(0), phantom(1)]), NumberOfFrames=2))
    [problem] = found(path).problems
    assert "2 frames" in str(problem)


def test_dicom_is_known_by_its_content_with_and_without_a_preamble(tmp_path: Path) -> None:
    [path] = save_all(tmp_path, image(phantom(1), 1))
    content = path.read_bytes()
    (tmp_path / "bare").write_bytes(content[132:])
    (tmp_path / "text").write_bytes(b"\x08\x00 words and words")
    assert is_dicom(path)
    assert is_dicom(tmp_path / "bare")
    assert is_dicom(shipped("dicomdirtests/DICOMDIR"))
    assert not is_dicom(tmp_path / "text")
    assert not is_dicom(shipped("README.txt"))
    assert not is_dicom(tmp_path / "absent")
    assert [brightest(parent) for parent in opened(tmp_path / "bare")] == [[1]]


def test_ids_are_the_same_for_the_same_series_and_key_and_tell_nothing(tmp_path: Path) -> None:
    paths = save_all(tmp_path, *(image(phantom(n), n) for n in range(1, 4)))
    [one], [again], [other] = opened(*paths), opened(*reversed(paths)), opened(*paths, secret=b"another key")
    assert one.parent_id == again.parent_id != other.parent_id
    assert re.fullmatch("mri-[0-9a-f]{24}", one.parent_id)
    assert SERIES not in one.parent_id


def test_without_a_key_an_id_holds_for_the_process_and_is_no_plain_hash(tmp_path: Path) -> None:
    paths = save_all(tmp_path, image(phantom(1), 1))
    [one], [again], [keyed] = opened(*paths, secret=None), opened(*paths, secret=None), opened(*paths, secret=b"\0")
    assert one.parent_id == again.parent_id != keyed.parent_id


def test_an_id_of_the_callers_own_wins_and_is_numbered_for_several_series(tmp_path: Path) -> None:
    paths = save_all(tmp_path, image(phantom(1), 1, EchoTime=1), image(phantom(2), 2, EchoTime=2))
    assert [parent.parent_id for parent in opened(paths[0], parent_id="mine")] == ["mine"]
    assert [parent.parent_id for parent in opened(*paths, parent_id="mine")] == ["mine-1", "mine-2"]
