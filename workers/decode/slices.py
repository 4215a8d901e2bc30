from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.items import RawItem
from workers.decode.content import check_picture
from workers.decode.limits import Limits
from workers.decode.pillow import bits_per_channel, opened
from workers.media import Slice

# Of the slice itself, where the producer gave no window of the volume. The same as the NIfTI reader takes.
LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.5


def read_slice(item: RawItem, limits: Limits) -> Slice:
    """Return the item's slice, its window laid to [0, 1] and what is beyond it clipped.

    The window is the envelope's `window_low` and `window_high`, in the values of the picture. Where they are missing
    or not in order, the slice's own percentiles serve, with the reason "no_window" or "bad_window": such slices of
    one volume cannot be compared in brightness. Other reasons: "eight_bit", "colour" (its luma), "nan_masked" (values
    that are no numbers are 0), "first_frame_only", "constant". EXIF does not turn a slice.

    Raises:
        UndecodableError: "wrong_content_type", "unsupported_content_type", "too_large", "truncated" or "corrupt".
    """
    reasons = list(check_picture(item))
    values = _read_values(item.value, limits, reasons)
    low, high = _window(item, values, reasons)
    if high <= low:
        reasons.append("constant")
        return Slice(np.zeros(values.shape, dtype=np.float32), tuple(reasons))
    intensity = np.clip((values - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return Slice(intensity, tuple(reasons))


def _read_values(value: bytes, limits: Limits, reasons: list[str]) -> NDArray[np.float64]:
    with opened(value, limits) as image:
        image.load()
        if bits_per_channel(value, image) == 8:  # noqa: PLR2004 (bits of an ordinary picture)
            reasons.append("eight_bit")
        if getattr(image, "is_animated", False):
            reasons.append("first_frame_only")
        if image.mode not in {"1", "L", "I", "F"} and not image.mode.startswith("I;"):
            reasons.append("colour")
            return np.asarray(image.convert("L"), dtype=np.float64)
        values = np.asarray(image, dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        reasons.append("nan_masked")
    return np.where(finite, values, 0.0)


def _window(item: RawItem, values: NDArray[np.float64], reasons: list[str]) -> tuple[float, float]:
    low, high = item.envelope.window_low, item.envelope.window_high
    if low is not None and high is not None and low < high:
        return low, high
    reasons.append("no_window" if low is None or high is None else "bad_window")
    own_low, own_high = np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE))
    return float(own_low), float(own_high)
