"""High dynamic range to ordinary: what a display of 203 nits shows of light mastered for 1000.

Light below about 90 nits stays as it is, brighter light is rolled off smoothly, and 1000 nits and more are as bright as
white. The encoders and metrics know pictures of ordinary range only; read as such, PQ and HLG look flat and gray.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

TONE_MAPPED, GAMUT_MAPPED = "tone_mapped", "gamut_mapped"

WHITE_NITS: Final = 203.0  # reference white of HDR (Report ITU-R BT.2408): what ordinary white is
PEAK_NITS: Final = 1000.0  # nominal peak of HLG, and what PQ is mostly mastered for
_PQ_NITS: Final = 10_000.0
_GAMMA: Final = 2.4  # of an ordinary display (Recommendation ITU-R BT.1886)
_BAND: Final = 128  # rows at a time: the floats of a whole 8K frame would take a gigabyte
_CODES: Final = 65_536

# Linear BT.2020 to linear BT.709 (Report ITU-R BT.2407, section 2).
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)  # of BT.2020

_Floats = NDArray[np.float32]


def to_ordinary(frame: av.VideoFrame) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return a frame as 8-bit RGB (height, width, 3) of ordinary range, and codes of what that took."""
    to_nits = _LIGHT.get(frame.color_trc)
    wide = frame.color_primaries == ColorPrimaries.BT2020
    if to_nits is None and not wide:
        plain: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
        return plain, ()
    codes: NDArray[np.uint16] = frame.to_ndarray(format="rgb48le")
    rgb = np.empty(codes.shape, dtype=np.uint8)
    for top in range(0, len(codes), _BAND):
        light = codes[top : top + _BAND]
        shown = _roll_off(to_nits(light)) if to_nits else _gamma_table()[light]
        rgb[top : top + _BAND] = _display(shown @ _TO_BT709.T if wide else shown)
    return rgb, tuple(code for code, done in ((TONE_MAPPED, to_nits), (GAMUT_MAPPED, wide)) if done)


def _display(linear: _Floats) -> NDArray[np.uint8]:
    """Return light, 1 being white, as the code values of an ordinary display."""
    codes: NDArray[np.uint8] = np.rint(255.0 * np.clip(linear, 0.0, 1.0) ** np.float32(1 / _GAMMA)).astype(np.uint8)
    return codes


def _roll_off(nits: _Floats) -> _Floats:
    """Bring light of up to PEAK_NITS to [0, 1]. All channels are scaled alike, so that hues stay."""
    brightest = np.maximum(nits.max(axis=-1), np.float32(1e-6))
    gain = np.minimum(np.interp(brightest, *_roll_off_table()), 1.0 / brightest).astype(np.float32)
    scaled: _Floats = nits * gain[..., None]
    return scaled


@cache
def _roll_off_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return light in nits, and the factor for it that makes white 1.

    Source: the EETF of Report ITU-R BT.2390, section 5.4.1: a Hermite spline on the PQ scale above a knee.
    """
    peak, white = float(_pq_code(np.float64(PEAK_NITS))), float(_pq_code(np.float64(WHITE_NITS)))
    highest = white / peak
    knee = 1.5 * highest - 0.5
    code = np.linspace(0.0, 1.0, 2048)[1:]
    t = np.clip((code - knee) / (1.0 - knee), 0.0, 1.0)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1.0 - knee) + (-2 * t**3 + 3 * t**2) * highest
    shown = _pq_nits(peak * np.where(code < knee, code, spline)) / WHITE_NITS
    nits = _pq_nits(peak * code)
    return nits, shown / nits


def _pq_nits(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light in nits of PQ codes in [0, 1]. Source: SMPTE ST 2084, equation 5.2 (EOTF)."""
    root = code ** (1.0 / _M2)
    light: NDArray[np.float64] = _PQ_NITS * (np.maximum(root - _C1, 0.0) / (_C2 - _C3 * root)) ** (1.0 / _M1)
    return light


def _pq_code(nits: np.float64) -> np.float64:
    """Return the PQ code of light in nits. Source: SMPTE ST 2084, equation 5.1."""
    power = (nits / _PQ_NITS) ** _M1
    code: np.float64 = ((_C1 + _C2 * power) / (1.0 + _C3 * power)) ** _M2
    return code


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq(codes: NDArray[np.uint16]) -> _Floats:
    return _pq_table()[codes]


def _hlg(codes: NDArray[np.uint16]) -> _Floats:
    """Return the light in nits that a display of PEAK_NITS makes of HLG.

    Source: Recommendation ITU-R BT.2100, table 5: the OOTF on the luminance of the scene, system gamma 1.2.
    """
    scene = _hlg_table()[codes]
    luminance = np.maximum(scene @ _LUMINANCE, np.float32(1e-6))
    light: _Floats = PEAK_NITS * luminance[..., None] ** np.float32(0.2) * scene
    return light


@cache
def _pq_table() -> _Floats:
    return _pq_nits(np.linspace(0.0, 1.0, _CODES)).astype(np.float32)


@cache
def _hlg_table() -> _Floats:
    """Return the light of the scene in [0, 1] of all HLG codes. Source: BT.2100, table 5, inverse OETF."""
    code = np.linspace(0.0, 1.0, _CODES)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3.0, (np.exp((code - c) / a) + b) / 12.0).astype(np.float32)  # noqa: PLR2004


@cache
def _gamma_table() -> _Floats:
    return (np.linspace(0.0, 1.0, _CODES) ** _GAMMA).astype(np.float32)


_LIGHT: Final[dict[int, Callable[[NDArray[np.uint16]], _Floats]]] = {
    ColorTrc.SMPTE2084: _pq,
    ColorTrc.ARIB_STD_B67: _hlg,
}
