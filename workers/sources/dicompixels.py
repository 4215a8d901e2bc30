"""The pixels of one DICOM frame, whatever they are compressed with."""

from __future__ import annotations

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.utils import pixel_array

from workers.sources.dicomfile import BROKEN, name_of
from workers.sources.dicomframe import Frame
from workers.sources.parent import SourceError
from workers.sources.privacy import quiet, reworded

gdcm.Trace.WarningOff()  # it writes to stderr, past every log
gdcm.Trace.ErrorOff()


def read_plane(frame: Frame) -> NDArray[np.float32]:
    """Return a frame's intensities (rows, columns), rescaled, brighter for more; NaN where it is padding.

    Rescaling is that of the Modality LUT: stored * slope + intercept (DICOM PS3.3, C.11.1.1.2).

    Raises:
        SourceError: The pixels are missing, truncated, or compressed in a way that cannot be read.
    """
    try:
        with quiet():
            stored = pixel_array(
                frame.path,
                index=frame.number,
                transfer_syntax_uid=frame.syntax,
                correct_unused_bits=True,  # overlays may be in them, with text
                apply_j2k_sign_correction=True,
                apply_jls_sign_correction=True,
            )
    except BROKEN as error:
        problem = f"has pixels that cannot be read: {reworded(error)}, stored as {name_of(frame.syntax)}"
        raise SourceError(frame.path, problem) from None
    if stored.shape != (frame.rows, frame.columns):
        raise SourceError(frame.path, f"has pixels of the shape {stored.shape}, not {(frame.rows, frame.columns)}")
    intensity = (stored * np.float64(frame.slope) + frame.intercept).astype(np.float32)
    if frame.inverted:
        intensity = -intensity
    if frame.padding is not None:
        intensity[_is_padding(stored, frame.padding)] = np.nan
    return intensity


def _is_padding(stored: NDArray[np.integer], padding: tuple[int, int]) -> NDArray[np.bool_]:
    # a signed image's padding is often announced as an unsigned number: the same bits
    first, last = sorted(np.array(padding, dtype=np.int64).astype(stored.dtype).tolist())
    mask: NDArray[np.bool_] = (stored >= first) & (stored <= last)
    return mask
