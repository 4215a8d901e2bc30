"""The header of a DICOM file: only the tags that are named here are read at all, and none of them is published.

They order and split series (dicomseries.py), and say how pixels are stored (dicompixels.py).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from pydicom import Dataset, FileDataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from workers.sources.dicomtags import SPLIT_TAGS
from workers.sources.parent import SourceError
from workers.sources.privacy import quiet, reworded

# Anything that can happen to a library that takes a broken file at its word.
BROKEN: Final = (
    OSError,
    EOFError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    InvalidDicomError,
    struct.error,
)

_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_META_GROUP: Final = 0x0002
_PREAMBLE: Final = 128  # bytes of anything, and then DICM
_FIRST_TAGS: Final = (b"\x08\x00", b"\x00\x08", b"\x02\x00")  # how a file without one begins, in either byte order

_NAMES: Final = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "ImageType", "BurnedInAnnotation"),
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept"),
    *("ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber", "AcquisitionTime", "TriggerTime"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *SPLIT_TAGS,
)
_TAGS: Final = [Tag(name) for name in _NAMES]


def is_dicom(path: Path) -> bool:
    """Return whether a file is DICOM: by its preamble, or because it has the tags of an image without one."""
    try:
        with path.open("rb") as file:
            head = file.read(_PREAMBLE + 4)
        if head[_PREAMBLE:] == b"DICM":
            return True
        if not head.startswith(_FIRST_TAGS):
            return False
        with quiet():
            _check_syntax(path)
            tags = dcmread(path, force=True, specific_tags=["SOPClassUID", "PixelData"], defer_size=len(head))
            return "SOPClassUID" in tags and "PixelData" in tags
    except (*BROKEN, SourceError):
        return False


def read_header(path: Path) -> FileDataset:
    """Return the tags that are needed of a DICOM file, with or without its preamble; its pixels are not read.

    Raises:
        SourceError: It is no DICOM file, or broken.
    """
    try:
        with quiet():
            _check_syntax(path)
            header = dcmread(path, force=True, stop_before_pixels=True, specific_tags=_TAGS)
            _ = [element.value for element in header]  # read now, where it may fail
            known = bool(class_of(header))
    except BROKEN as error:
        raise SourceError(path, f"cannot be read as DICOM: {reworded(error)}") from None
    if not known:
        raise SourceError(path, "cannot be read as DICOM: it does not say what kind of object it is")
    return header


def _check_syntax(path: Path) -> None:
    """Refuse what would be inflated, to nobody knows how much, before the first of its tags can be read."""
    with path.open("rb") as file:
        read_preamble(file, force=True)
        meta = read_dataset(
            file,
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=lambda tag, _vr, _length: tag.group != _META_GROUP,
        )
    if meta.get("TransferSyntaxUID") == _DEFLATED:
        raise SourceError(path, "is deflated as a whole; publish a copy in another transfer syntax")


def class_of(header: FileDataset) -> UID:
    """Return which kind of object it is; empty where it does not say."""
    return UID(str(header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID") or ""))


def name_of(uid: UID) -> str:
    """Return what the standard calls it; of others, not even the number is told."""
    return "something private" if uid.name == uid else uid.name


def syntax_of(header: FileDataset) -> UID:
    """Return the transfer syntax; of a file that names none, what pydicom found out."""
    named = header.file_meta.get("TransferSyntaxUID")
    if named:
        return UID(str(named))
    implicit, little = header.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def image_type(tags: Dataset) -> tuple[str, ...]:
    """Return the values of ImageType, or of an enhanced object's FrameType, such as ORIGINAL, PRIMARY, M."""
    value = tags.get("FrameType") or tags.get("ImageType") or ()
    return tuple(str(one).strip().upper() for one in ((value,) if isinstance(value, str) else value))
