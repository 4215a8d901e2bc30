"""MR images in DICOM, made for a test: a phantom whose slices can be told apart."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.unit.workers.samples import packaged
from workers.sources import Parent, SourceError, SourceOptions
from workers.sources.dicom import SeriesFound, find_series

MR = UID("1.2.840.10008.5.1.4.1.1.4")
ENHANCED = "1.2.840.10008.5.1.4.1.1.4.1"
SERIES = "1.2.826.0.1.3680043.8.498.1"
AXIAL = [1, 0, 0, 0, 1, 0]
SECRET = b"a key that nobody knows"


def shipped(name: str) -> Path:
    return packaged("pydicom", f"data/test_files/{name}")


def phantom(index: int, side: int = 16) -> NDArray[np.uint16]:
    """Return a slice whose brightest value is 1000 + index."""
    ramp = np.linspace(0, 900, side * side).reshape(side, side).astype(np.uint16)
    ramp[-1, -1] = 1000 + index
    return ramp


def image(pixels: NDArray[np.generic], number: int = 1, **tags: Any) -> Dataset:
    """Return a complete MR image; tags given as None are left out."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = tags.pop("TransferSyntaxUID", ExplicitVRLittleEndian)
    bits = pixels.dtype.itemsize * 8
    defaults = {
        "SOPClassUID": MR,
        "SOPInstanceUID": f"{SERIES}.{number}",
        "SeriesInstanceUID": SERIES,
        "Modality": "MR",
        "ImageType": ["ORIGINAL", "PRIMARY", "M"],
        "InstanceNumber": number,
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "ImagePositionPatient": [-8, -8, 2.5 * number],
        "ImageOrientationPatient": AXIAL,
        "PixelData": pixels.tobytes(),
    }
    values = {**defaults, **tags}
    values.setdefault("HighBit", int(values["BitsStored"]) - 1)
    for name, value in values.items():
        if value is not None:
            setattr(dataset, name, value)
    dataset["PixelData"].VR = "OW"
    return dataset


def enhanced(frames: list[NDArray[np.uint16]], positions: list[float], echoes: list[float]) -> Dataset:
    """Return one enhanced MR object of several frames."""

    def group(**macros: dict[str, Any]) -> Dataset:
        outer = Dataset()
        for name, tags in macros.items():
            inner = Dataset()
            for tag, value in tags.items():
                setattr(inner, tag, value)
            setattr(outer, name, Sequence([inner]))
        return outer

    shared = group(
        PlaneOrientationSequence={"ImageOrientationPatient": AXIAL},
        MRImageFrameTypeSequence={"FrameType": ["ORIGINAL", "PRIMARY", "M", "NONE"]},
    )
    each = [
        group(
            PlanePositionSequence={"ImagePositionPatient": [0, 0, at]},
            MREchoSequence={"EffectiveEchoTime": echo},
            PixelValueTransformationSequence={"RescaleSlope": 2, "RescaleIntercept": 0, "RescaleType": "US"},
        )
        for at, echo in zip(positions, echoes, strict=True)
    ]
    return image(
        np.stack(frames),
        SOPClassUID=ENHANCED,
        NumberOfFrames=len(frames),
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(each),
    )


def save(path: Path, dataset: Dataset) -> Path:
    dataset.save_as(path, enforce_file_format=True)
    return path


def save_all(folder: Path, *datasets: Dataset) -> list[Path]:
    return [save(folder / f"{number:03d}.dcm", dataset) for number, dataset in enumerate(datasets)]


def original(name: str, folder: Path) -> Path:
    """Return a copy of a shipped file that claims to be an original MR image, its pixels untouched."""
    dataset = dcmread(shipped(name))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MR
    return save(folder / name, dataset)


def found(*paths: Path, **options: Any) -> SeriesFound:
    return find_series(paths, source="test", options=SourceOptions(**{"secret": SECRET, **options}))


def opened(*paths: Path, **options: Any) -> list[Parent]:
    series = found(*paths, **options)
    assert not series.problems
    return [one() for one in series.parents]


def values(parent: Parent) -> list[NDArray[np.uint16]]:
    """Return what is in each slice's PNG."""
    return [np.asarray(Image.open(io.BytesIO(item.value))).astype(np.uint16) for item in parent.items]


def pixels(path: Path) -> NDArray[np.uint16]:
    """Return the PNG's values of a file's only slice."""
    [parent] = opened(path)
    [only] = values(parent)
    return only


def brightest(parent: Parent) -> list[int]:
    """Return which phantoms the slices are."""
    return [int(value.max()) - 1000 for value in values(parent)]


def broken_off(parent: Parent) -> tuple[list[int], SourceError | None]:
    """Return the indices of the items that come, and what is raised after them."""
    came: list[int] = []
    try:
        came.extend(item.envelope.index for item in parent.items)
    except SourceError as error:
        return came, error
    return came, None
