from __future__ import annotations

import logging
import os
import re
import traceback
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Extension

from tests.unit.workers.dicoms import SECRET, found, image, opened, phantom, save
from tests.unit.workers.samples import opened as opened_file
from workers.sources import SourceError, SourceOptions, discover
from workers.sources.privacy import medical_id, quiet, reworded

NAME = "PLANTED"
VOLUME = np.random.default_rng(0).integers(0, 4000, (6, 8, 5)).astype(np.int16)


def planted(path: Path) -> Path:
    volume = nib.Nifti1Image(VOLUME, np.eye(4))
    volume.header["descrip"] = NAME.encode()
    volume.header["db_name"] = NAME.encode()
    volume.header.extensions.append(Nifti1Extension("comment", NAME.encode()))
    nib.save(volume, path)
    return path


def test_a_volume_has_the_same_id_under_any_name_and_another_with_another_key(tmp_path: Path) -> None:
    one = opened_file(planted(tmp_path / f"{NAME}.nii.gz"), secret=SECRET)
    two = opened_file(planted(tmp_path / "scan.nii"), secret=SECRET)
    other = opened_file(tmp_path / "scan.nii", secret=b"another key")
    assert re.fullmatch("mri-[0-9a-f]{24}", one.parent_id)
    assert one.parent_id == two.parent_id != other.parent_id
    assert opened_file(tmp_path / "scan.nii", parent_id="mine").parent_id == "mine"


def test_nothing_of_a_volumes_header_or_name_is_in_its_items(tmp_path: Path) -> None:
    parent = opened_file(planted(tmp_path / f"{NAME}.nii.gz"), secret=SECRET)
    for item in parent.items:
        assert NAME not in item.envelope.model_dump_json()
        assert NAME.encode() not in item.value


def test_parts_of_an_identity_cannot_be_shifted_into_one_another() -> None:
    options = SourceOptions(secret=SECRET)
    assert medical_id(options, "ab", "c") != medical_id(options, "a", "bc")
    assert medical_id(options, "ab") == medical_id(options, b"ab")


def test_the_key_is_not_shown_with_the_options() -> None:
    assert SECRET.decode() not in repr(SourceOptions(secret=SECRET))


def test_libraries_stay_quiet_while_headers_are_read_and_speak_again_afterwards(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    log = logging.getLogger("pydicom")
    with quiet():
        log.error(NAME)
        warnings.warn(NAME, stacklevel=1)
    assert not caplog.records
    assert not recwarn.list
    log.error("after")
    assert [record.message for record in caplog.records] == ["after"]


def test_a_header_that_a_library_complains_of_is_not_quoted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    with quiet():
        dataset = image(phantom(1), SOPInstanceUID=NAME, AcquisitionTime=NAME)
        dataset.add_new("EchoTime", "DS", "1")
        dataset["EchoTime"]._value = NAME
        path = save(tmp_path / "1.dcm", dataset)
    with caplog.at_level(0):
        texts = [str(note) for parent in opened(path) for note in parent.notes]
        texts += [error.problem for error in found(path).problems]
    assert NAME not in " ".join(texts) + caplog.text
    assert not recwarn.list


@pytest.mark.parametrize("name", ["cut.nii", "cut.nii.gz", "text.nii.gz", "absent.nii"])
def test_what_is_wrong_with_a_volume_is_told_without_its_header(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("cut"):
        content = planted(path).read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3])
    elif name.startswith("text"):
        path.write_text(NAME)
    with pytest.raises(SourceError) as caught:
        opened_file(path)
    trace = "".join(traceback.format_exception(caught.value))
    assert name in str(caught.value)
    assert NAME not in trace


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(2, NAME, NAME), os.strerror(2)),
        (ValueError(NAME), "truncated, damaged or of another kind (ValueError)"),
        (EOFError(NAME), "truncated or damaged"),
        (MemoryError(NAME), "there is not enough memory"),
    ],
)
def test_an_exception_is_reworded(error: BaseException, text: str) -> None:
    assert reworded(error) == text


@pytest.mark.parametrize("name", ["DOE_JOHN.jpg", "DOE_JOHN.tif", "DOE_JOHN.mp4", "DOE_JOHN"])
def test_a_series_without_a_preamble_is_one_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    dataset = image(phantom(0), PatientName="PLANTED^NAME")
    dataset.save_as(tmp_path / name, implicit_vr=False, little_endian=True)
    discovered = discover([tmp_path / name], source="test", options=SourceOptions(secret=SECRET))
    parents = [found.open() for found in discovered.found]
    assert [parent.kind for parent in parents] == ["mri-slice"]
    assert "DOE" not in parents[0].parent_id
    assert not any(b"PLANTED" in item.value for item in parents[0].items)
