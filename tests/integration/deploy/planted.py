"""Medical files with a name planted wherever a name can be, and a search that would find it again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Extension
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset

from tests.unit.workers.dicoms import image, save
from workers.sources.privacy import quiet
from workers.training.volumes import slabs, template_affine

SLICES = 5
_PNG = b"\x89PNG\r\n\x1a\n"


def write(folder: Path, name: str) -> None:
    """Write a volume, a series of two echoes and broken files, all with the name in path, header and extension."""
    voxels = np.asarray(slabs("held-out")[0].voxels(), dtype=np.float32)[:, :, :SLICES]
    patient = folder / f"{name} study"
    patient.mkdir(parents=True)
    _volume(patient / f"{name}-t1.nii.gz", voxels, name)
    whole = (patient / f"{name}-t1.nii.gz").read_bytes()
    (patient / f"{name}-cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    levels = np.rint(voxels * (4000 / voxels.max())).astype(np.uint16)
    for echo in (1, 2):
        for at in range(SLICES):
            with quiet():  # a name is no time
                dataset = _slice(np.ascontiguousarray(levels[:, ::-1, at].T) // echo, echo, at, name)
                save(patient / f"{name}.{echo}.{at}.dcm", dataset)
    cut = patient / f"{name}.2.0.dcm"
    cut.write_bytes(cut.read_bytes()[:-1000])
    (patient / f"{name}.dcm").write_bytes(b"\0" * 128 + b"DICM" + name.encode() * 40)


def _volume(path: Path, voxels: NDArray[np.float32], name: str) -> None:
    volume = nib.Nifti1Image(voxels, template_affine())
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        volume.header[field] = name.encode()
    volume.header.extensions.append(Nifti1Extension("comment", f"patient {name}".encode()))
    nib.save(volume, path)


def _slice(pixels: NDArray[np.uint16], echo: int, at: int, name: str) -> Dataset:
    dataset = image(
        pixels,
        100 * echo + at,
        EchoNumbers=echo,
        ImagePositionPatient=[0, 0, at],
        PatientName=f"{name}^Given",
        PatientID=name,
        PatientComments=f"seen by {name}",
        StudyDescription=f"{name}, head",
        SeriesDescription=name,
        ReferringPhysicianName=name,
        AcquisitionTime=name,  # no time at all: the library complains of it, and quotes it
        BurnedInAnnotation="NO",
    )
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "LO", name)
    dataset.private_block(0x0029, name, create=True).add_new(0x01, "LO", name)
    return dataset


def holds(data: bytes, needle: str) -> bool:
    """Return whether text is in data: in any case, in UTF-8 or UTF-16, and also in what PNGs compress."""
    forms = [needle.lower().encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")]
    return any(form in part.lower() for part in (data, *_decompressed(data)) for form in forms)


def _decompressed(data: bytes) -> Iterator[bytes]:
    """Yield the pixels, texts and profiles of the PNGs in data."""
    start = data.find(_PNG)
    while start >= 0:
        with Image.open(io.BytesIO(data[start:])) as picture:
            yield picture.tobytes()
            yield from (value if isinstance(value, bytes) else str(value).encode() for value in picture.info.values())
        start = data.find(_PNG, start + 1)
