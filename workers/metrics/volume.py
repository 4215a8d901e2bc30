"""What is measured on a slice of a magnetic resonance volume. `plane` is float32 (height, width) in [0, 1]."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_FLOOR = 1e-3  # of the full scale: less than this cannot be told from a masked background
_RIM = 5  # pixels around the foreground where its own blur is no background


def foreground(plane: Plane) -> Mask:
    """Return where the tissue is: above 0.7 of Otsu's threshold (1979) of the smoothed slice, holes closed.

    The smoothing keeps noisy air out, and the lower threshold dark tissue in.
    """
    levels = cv2.convertScaleAbs(cv2.GaussianBlur(plane, (0, 0), 1.5), alpha=255.0)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    mask = (levels > max(threshold * 0.7, 1.0)).astype(np.uint8)
    closed: NDArray[np.uint8] = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return closed.astype(bool)


def _background(mask: Mask) -> Mask:
    grown: NDArray[np.uint8] = cv2.dilate(mask.astype(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8))
    return ~grown.astype(bool)


def foreground_contrast(plane: Plane, mask: Mask) -> float:
    """Return Michelson's contrast between the foreground's 90th and 10th percentile, 0 to 1."""
    if not mask.any():
        return 0.0
    low, high = np.percentile(plane[mask], (10, 90))
    return float((high - low) / max(high + low, _FLOOR))


def snr(plane: Plane, mask: Mask) -> float:
    """Return log10 of the foreground's mean over the background's noise, about 0 to 3 (nothing in the background).

    Dietrich et al. 2007, as in MRIQC: the noise of a magnitude image is Rayleigh's in air, so that its standard
    deviation there is sqrt((4 - pi) / 2) of the true one. A volume without background has the most.
    """
    outside = _background(mask)
    if not mask.any():
        return 0.0
    noise = float(plane[outside].std()) * float(np.sqrt(2 / (4 - np.pi))) if outside.any() else 0.0
    return float(np.log10(max(float(plane[mask].mean()) / max(noise, _FLOOR), 1.0)))


def background_energy(plane: Plane, mask: Mask) -> float:
    """Return log10 of the mean square outside over that inside the foreground, -6 to 0: motion smears it there."""
    outside = _background(mask)
    if not mask.any() or not outside.any():
        return -6.0
    ratio = float(np.square(plane[outside]).mean()) / max(float(np.square(plane[mask]).mean()), _FLOOR**2)
    return float(np.clip(np.log10(ratio + 1e-6), -6.0, 0.0))


def ghosting(plane: Plane, mask: Mask) -> float:
    """Return the ghost-to-signal ratio (Giannelli et al. 2010, as in MRIQC), about 0 (none) to 0.5.

    A Nyquist ghost is the foreground, shifted by half of the field of view. The mean there, less the mean of the
    other background, over the foreground's median; of the worse of both axes.
    """
    if not mask.any():
        return 0.0
    outside = _background(mask)
    signal = max(float(np.median(plane[mask])), _FLOOR)
    ratios = [0.0]
    for axis in (0, 1):
        shifted = np.roll(mask, mask.shape[axis] // 2, axis=axis)
        ghost, rest = outside & shifted, outside & ~shifted
        if ghost.any() and rest.any():
            ratios.append((float(plane[ghost].mean()) - float(plane[rest].mean())) / signal)
    return max(ratios)


def spectrum(plane: Plane) -> NDArray[np.float64]:
    """Return the natural logarithm of the slice's k-space magnitudes, zero frequency in the middle."""
    return np.log(np.abs(np.fft.fftshift(np.fft.fft2(plane))) + 1e-3)


def line_motion(log_spectrum: NDArray[np.float64]) -> float:
    """Return how uneven neighbouring lines of k-space are along the worse axis, about 0.05 to 1.

    A line acquired while the head was elsewhere, or lost, stands out from its neighbours: the mean absolute second
    difference of the lines' mean log magnitudes, which a smooth decay does not excite.
    """
    return max(_roughness(log_spectrum.mean(axis=axis)) for axis in (0, 1))


def _roughness(lines: NDArray[np.float64]) -> float:
    second = np.diff(lines, n=2)
    return float(np.abs(second).mean()) if second.size else 0.0


def spike(log_spectrum: NDArray[np.float64]) -> float:
    """Return how far the strongest point of outer k-space stands above the outer median, in nats, about 3 to 8.

    A spike in k-space is a stripe pattern over the slice. Outer is beyond a quarter of the sampled band, where
    anatomy has little energy.
    """
    height, width = log_spectrum.shape
    rows = np.abs(np.arange(height) - height // 2)[:, None] * 4 > height
    columns = np.abs(np.arange(width) - width // 2)[None, :] * 4 > width
    outer = log_spectrum[rows | columns]
    return float(outer.max() - np.median(outer)) if outer.size else 0.0


def entropy_focus(plane: Plane) -> float:
    """Return the entropy focus criterion (Atkinson et al. 1997, normalised as in MRIQC), 0 to 1.

    The entropy of the intensities as shares of the root of their energy, over the most it can be: ghosting and
    blur from motion spread the energy, and raise it.
    """
    energy = float(np.sqrt(np.square(plane, dtype=np.float64).sum()))
    if energy <= 0 or plane.size < 2:  # noqa: PLR2004 (one pixel has no spread)
        return 0.0
    shares = plane.astype(np.float64) / energy
    entropy = -float((shares * np.log(shares + 1e-16)).sum())
    most = float(np.sqrt(plane.size) * np.log(np.sqrt(plane.size)))
    return float(np.clip(entropy / most, 0.0, 1.0))


def bias(plane: Plane, mask: Mask) -> float:
    """Return how uneven the foreground's brightness is at large scale, 0 (even) to about 1.

    The standard deviation over the mean of the foreground after a Gaussian blur of an eighth of the slice,
    normalised for the mask's border (normalised convolution, Knutsson, Westin 1993), taken at a quarter of the size.
    """
    if not mask.any():
        return 0.0
    size = (max(1, plane.shape[1] // 4), max(1, plane.shape[0] // 4))
    weights = mask.astype(np.float32)
    light, weights = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (plane * weights, weights))
    sigma = max(size) / 8
    field = cv2.GaussianBlur(light, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(weights, (0, 0), sigma), 1e-6)
    smooth: NDArray[np.float32] = field[weights > 0]
    return float(smooth.std() / max(float(smooth.mean()), _FLOOR))


def left_right(plane: Plane, mask: Mask) -> float:
    """Return the correlation of the foreground's bounding box with its mirror, -1 to 1: heads are near symmetric.

    Blurred by two pixels, since the symmetry is not exact. 0 for a slice without contrast.
    """
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    box = cv2.GaussianBlur(plane, (0, 0), 2.0)[y : y + height, x : x + width]
    if not box.size:
        return 0.0
    centred = box - box.mean()
    energy = float(np.square(centred).sum())
    return 0.0 if energy <= 1e-9 else float((centred * centred[:, ::-1]).sum()) / energy  # noqa: PLR2004 (none)
