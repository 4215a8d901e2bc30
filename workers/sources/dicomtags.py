"""Values of DICOM tags, and those that tell one picture of a place from another: echo, b-value, time, image type."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pydicom import Dataset

# Group, private creator and element of the b-value, where vendors keep it. GE adds a multiple of 1e9 to its own.
_PRIVATE_B: Final = (
    (0x0019, "SIEMENS MR HEADER", 0x0C),
    (0x0043, "GEMS_PARM_01", 0x39),
    (0x2001, "Philips Imaging DD 001", 0x03),
)
_GE_OFFSET: Final = 1_000_000_000
_NEARLY: Final = 0.05

SPLIT_TAGS: Final[tuple[str | int, ...]] = (
    *("EchoNumbers", "EchoTime", "DiffusionBValue", "TemporalPositionIdentifier"),
    # the creators of private blocks, where they always are, and the elements in those blocks
    *(tag for group, _, element in _PRIVATE_B for tag in (group << 16 | 0x10, group << 16 | 0x1000 | element)),
)


@dataclass(frozen=True, slots=True)
class Split:
    """What splits a series into parents; None where the header does not say.

    Attributes:
        image_type: From the third value on: magnitude, phase, water, fat and the like, each on a scale of its own.
    """

    echo_number: int | None = None
    echo_time: float | None = None
    b_value: float | None = None
    time: int | None = None
    image_type: str = ""


def split_of(tags: Dataset, image_type: tuple[str, ...]) -> Split:
    """Return what splits a series, of a header's tags or of one frame's."""
    return Split(
        whole(tags.get("EchoNumbers")),
        number(tags.get("EchoTime")) or number(tags.get("EffectiveEchoTime")),
        _b_value(tags),
        whole(tags.get("TemporalPositionIdentifier") or tags.get("TemporalPositionIndex")),
        "/".join(image_type[2:]),
    )


def number(value: Any) -> float | None:
    """Return a tag's value, or the first of several, as a finite number; None where it is none."""
    found = numbers(value)
    return found[0] if found else None


def numbers(value: Any) -> tuple[float, ...]:
    """Return a tag's values as finite numbers; none where one of them is not."""
    if value is None or isinstance(value, bytes):
        return ()
    many = value if not isinstance(value, str) and hasattr(value, "__iter__") else (value,)
    try:
        found = tuple(float(one) for one in many)
    except (TypeError, ValueError):
        return ()
    return found if all(math.isfinite(one) for one in found) else ()


def whole(value: Any) -> int | None:
    """Return a tag's value as a whole number; None where it is none."""
    found = number(value)
    return None if found is None else int(found)


def levels(values: Iterable[float | None]) -> dict[float | None, float | None]:
    """Return for each value the one that stands for it and for all that are nearly the same.

    What a scanner writes differs in the last digits between the slices of one echo, so values that lie close together
    are one: each no further than a twentieth (of a ms, or of s/mm2) from the next. The lowest of them, to a hundredth,
    stands for all.
    """
    found: dict[float | None, float | None] = {None: None}
    last: float | None = None
    for value in sorted({value for value in values if value is not None}):
        joins = last is not None and value - last <= _NEARLY
        found[value] = found[last] if joins else round(value, 2)
        last = value
    return found


def _b_value(tags: Dataset) -> float | None:
    """Return the b-value in s/mm2, from the standard's tag or a vendor's own."""
    found = number(tags.get("DiffusionBValue"))
    for group, creator, element in _PRIVATE_B:
        if found is not None:
            break
        try:
            found = number(tags.private_block(group, creator)[element].value)
        except KeyError:
            continue
        if found is not None and found >= _GE_OFFSET:
            found %= _GE_OFFSET
    return found
