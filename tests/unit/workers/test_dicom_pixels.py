from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, JPEGLossless

from tests.unit.workers.dicoms import broken_off, found, image, opened, original, phantom, pixels, save, shipped, values
from workers.sources import SourceError

RAMP = np.linspace(-300, 700, 256).reshape(16, 16).astype(np.int16)


def shown(tmp_path: Path, stored: NDArray[np.generic], **tags: Any) -> NDArray[np.uint16]:
    """Return the PNG's values of a slice with these stored pixels."""
    return pixels(save(tmp_path / "slice.dcm", image(stored, **tags)))


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
    ],
)
def test_whatever_a_slice_is_compressed_with_its_pixels_are_the_same(tmp_path: Path, name: str) -> None:
    stored = dcmread(shipped("MR_small.dcm")).pixel_array
    assert np.array_equal(pixels(original(name, tmp_path)), stored - stored.min())


def test_lossless_jpeg_gives_the_very_pixels(tmp_path: Path) -> None:
    plain, packed = save(tmp_path / "plain.dcm", image(phantom(5))), tmp_path / "packed.dcm"
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(packed))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert dcmread(packed).file_meta.TransferSyntaxUID == JPEGLossless
    assert np.array_equal(pixels(packed), phantom(5))


def test_baseline_jpeg_and_jpeg_2000_are_read(tmp_path: Path) -> None:
    grey = np.linspace(0, 255, 4096).reshape(64, 64).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=95)
    dataset = image(grey, TransferSyntaxUID=JPEGBaseline8Bit)
    dataset.PixelData = encapsulate([buffer.getvalue()])
    baseline = pixels(save(tmp_path / "baseline.dcm", dataset))
    assert np.abs(baseline.astype(int) - grey).max() <= 4
    assert pixels(original("JPEG2000.dcm", tmp_path)).shape == (1024, 256)


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_a_compressed_slice_that_is_cut_off_breaks_only_itself(tmp_path: Path, name: str) -> None:
    whole, cut = original("MR_small.dcm", tmp_path), original(name, tmp_path)
    dataset = dcmread(cut)
    dataset.SOPInstanceUID += ".1"
    dataset.ImagePositionPatient = [0, 0, 500]
    content = save(cut, dataset).read_bytes()
    cut.write_bytes(content[: len(content) - 2000])
    [parent] = opened(whole, cut)
    came, error = broken_off(parent)
    assert parent.count == 2
    assert len(came) == 1
    assert error is not None
    assert error.path == cut


def test_what_cannot_be_decompressed_is_a_problem(tmp_path: Path) -> None:
    [series] = found(original("JPGExtended.dcm", tmp_path)).parents
    with pytest.raises(SourceError, match=r"cannot be read: .*, stored as JPEG Extended"):
        series()
    [problem] = found(shipped("image_dfl.dcm")).problems
    assert "deflated" in problem.problem


def test_a_codestream_that_claims_another_size_is_refused(tmp_path: Path) -> None:
    path = original("MR_small_jp2klossless.dcm", tmp_path)
    dataset = dcmread(path)
    content = bytearray(dataset.PixelData)
    sizes = content.index(b"\xff\x51") + 6
    content[sizes : sizes + 8] = content[sizes + 16 : sizes + 24] = (60_000).to_bytes(4, "big") * 2
    dataset.PixelData = bytes(content)
    [series] = found(save(path, dataset)).parents
    with pytest.raises(SourceError, match="has pixels that cannot be read"):
        series()


def test_signed_pixels_keep_their_order(tmp_path: Path) -> None:
    assert np.array_equal(shown(tmp_path, RAMP), RAMP - RAMP.min())


def test_an_inverted_slice_is_turned_back(tmp_path: Path) -> None:
    inverted = shown(tmp_path, RAMP, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(inverted, RAMP.max() - RAMP)


@pytest.mark.parametrize("signed", [False, True])
def test_bits_beyond_those_that_are_stored_do_not_show(tmp_path: Path, signed: bool) -> None:
    stored = RAMP if signed else (RAMP - RAMP.min()).astype(np.uint16)
    dirty = (stored & 0x0FFF) | (np.arange(256).reshape(16, 16) << 12).astype(stored.dtype)
    clean = shown(tmp_path, dirty.astype(stored.dtype), BitsStored=12)
    assert np.array_equal(clean, RAMP - RAMP.min())


@pytest.mark.parametrize(
    ("tags", "values_of_padding"),
    [
        ({"PixelPaddingValue": -2000}, [-2000]),
        ({"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1998}, [-2000, -1999, -1998]),
        ({"PixelPaddingValue": -1998, "PixelPaddingRangeLimit": -2000}, [-2000, -1999, -1998]),
    ],
)
def test_padding_does_not_count_and_is_dark(tmp_path: Path, tags: dict[str, int], values_of_padding: list[int]) -> None:
    stored = RAMP.copy()
    stored[0, : len(values_of_padding)] = values_of_padding
    dataset = image(stored, **tags)
    for name in tags:
        dataset[name].VR = "SS"
    [parent] = opened(save(tmp_path / "slice.dcm", dataset))
    [only] = values(parent)
    rest = stored[stored > -1000]
    assert set(only[stored <= -1000].tolist()) == {0}
    assert np.array_equal(only[stored > -1000], rest - rest.min())
    assert parent.notes == (f"{len(values_of_padding)} pixels are padding, and were set to the darkest",)


def test_padding_that_is_announced_as_unsigned_means_the_same_bits(tmp_path: Path) -> None:
    stored = RAMP.copy()
    stored[0, 0] = -32768
    dataset = image(stored, PixelPaddingValue=32768)
    dataset["PixelPaddingValue"].VR = "US"
    only = pixels(save(tmp_path / "slice.dcm", dataset))
    assert only.max() == RAMP.max() - stored[stored > -32768].min()


def test_every_slice_is_rescaled_by_its_own_slope(tmp_path: Path) -> None:
    stored = (RAMP - RAMP.min()).astype(np.uint16)
    paths = [
        save(tmp_path / f"{slope}.dcm", image(stored // slope, slope, RescaleSlope=slope, RescaleIntercept=-100))
        for slope in (1, 2, 4)
    ]
    [parent] = opened(*paths)
    for value, slope in zip(values(parent), (1, 2, 4), strict=True):
        assert np.array_equal(value, stored // slope * slope)


def test_fractions_are_scaled_to_16_bits(tmp_path: Path) -> None:
    stored = (RAMP - RAMP.min()).astype(np.uint16)
    only = shown(tmp_path, stored, RescaleSlope=0.001)
    assert only.max() == 65535
    assert np.abs(only - stored * 65.535).max() <= 1
