"""What gradients tell about blur. For 8-bit pictures and for slices in [0, 1] alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8] | NDArray[np.float32]

_Part = slice | tuple[slice, slice]

_BLUR_LENGTH = 9  # pixels; as in Crete et al.
_TINY = 1e-9


def laplacian_variance(plane: Plane) -> float:
    """Return the variance of the Laplacian, from 0 (no detail): the focus measure of Pech-Pacheco et al. 2000."""
    depth = cv2.CV_16S if plane.dtype == np.uint8 else cv2.CV_32F
    response = cv2.Laplacian(plane, depth)
    mean = float(cv2.sumElems(response)[0]) / plane.size
    return max(0.0, float(cv2.norm(response, cv2.NORM_L2SQR)) / plane.size - mean**2)


def blur_effect(plane: Plane) -> float:
    """Return how little detail a further blur would destroy, 0 (sharp) to 1 (blurred), of the worse direction.

    Crete, Dolmiere, Ladret, Nicolas: "The blur effect", SPIE 2007. It compares a picture with itself, so that it
    depends on the content far less than the energy of edges does. A picture without any detail counts as blurred.
    """
    across = _lost_detail(plane[::2], (_BLUR_LENGTH, 1), np.s_[:, 1:], np.s_[:, :-1])
    down = _lost_detail(plane[:, ::2].copy(), (1, _BLUR_LENGTH), np.s_[1:], np.s_[:-1])
    return max(across, down)


def _lost_detail(plane: Plane, size: tuple[int, int], later: _Part, earlier: _Part) -> float:
    """Return the blur effect in one direction, of every second line: that is sample enough, and half of the cost."""
    if not plane[later].size:
        return 1.0
    blurred = cv2.blur(plane, size)
    sharp = cv2.absdiff(plane[later], plane[earlier])
    smooth = cv2.absdiff(blurred[later], blurred[earlier])
    lost = cv2.subtract(sharp, smooth, dst=smooth)
    if lost.dtype != np.uint8:  # 8 bits stop at 0 by themselves
        lost = np.maximum(lost, 0.0)
    total = float(cv2.sumElems(sharp)[0])
    return 1.0 if total <= _TINY else 1.0 - float(cv2.sumElems(lost)[0]) / total


def scale_ratio(plane: Plane) -> float:
    """Return log2 of the gradients' energy at full over half resolution, about -4 (blurred) to 2 (noisy).

    Natural pictures have about as much at every octave (Field 1987); blur takes the finest octave first, and noise
    adds to it. 0 where there is no gradient at either scale.
    """
    fine = _gradient_energy(plane)
    coarse = _gradient_energy(cv2.pyrDown(plane))
    floor = 1e-3 if plane.dtype == np.uint8 else 1e-8
    return float(np.clip(np.log2((fine + floor) / (coarse + floor)), -8.0, 8.0))


def _gradient_energy(plane: Plane) -> float:
    energy = 0.0
    for later, earlier in ((plane[1:], plane[:-1]), (plane[:, 1:], plane[:, :-1])):
        if later.size:
            energy += float(cv2.norm(later, earlier, cv2.NORM_L2SQR)) / later.size
    return energy


def high_frequency(gray: NDArray[np.uint8]) -> float:
    """Return the share of the variance that lies above a Gaussian low-pass of sigma 1.1 pixels, 0 to 1.

    The low-pass is the 5 x 5 binomial of a Laplacian pyramid (Burt, Adelson 1983), whose lowest level this is: the
    share of the energy in the highest octave, without a Fourier transform.
    """
    low = cv2.GaussianBlur(gray, (5, 5), 1.1)
    _, deviation = cv2.meanStdDev(gray)
    variance = float(deviation[0, 0]) ** 2
    if variance <= _TINY:
        return 0.0
    return min(1.0, float(cv2.norm(gray, low, cv2.NORM_L2SQR)) / gray.size / variance)
