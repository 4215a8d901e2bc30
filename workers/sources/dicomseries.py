"""From frames in any order to parents: split by what differs, each in the order of its slices in space."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.sources.dicomframe import Frame
from workers.sources.dicomtags import levels

_SAME_DIRECTION = 1e-3  # of a cosine: scanners round them
_SAME_PLACE = 0.01  # mm
_GAP = 1.5  # times the usual distance between slices
_LEAST_LENGTH = 0.1  # of what should be a unit vector


@dataclass(frozen=True, slots=True)
class Series:
    """Slices that belong together, in order.

    Attributes:
        identity: What makes it this series and part: never published, only hashed.
    """

    frames: tuple[Frame, ...]
    identity: tuple[str, ...]
    notes: tuple[str, ...] = ()


def series_of(frames: Iterable[Frame]) -> list[Series]:
    """Return the parents that frames make up, the same for any order of the frames.

    A series is split by echo, b-value, time, image type, orientation and size; and where several slices lie at one
    position still, by their order in time. Slices go along their normal, towards right, front or head. Without
    positions, they go by their instance numbers, with a note.
    """
    by_uid: dict[str, list[Frame]] = defaultdict(list)
    for frame in sorted(frames, key=_key):
        by_uid[frame.series].append(frame)
    return [series for uid in by_uid for series in _split(uid, by_uid[uid])]


def _key(frame: Frame) -> tuple[Any, ...]:
    return frame.series, frame.order, frame.instance, frame.number, str(frame.position)


def _split(uid: str, frames: list[Frame]) -> Iterator[Series]:
    directions: list[NDArray[np.float64] | None] = []
    parts: dict[tuple[str, ...], list[Frame]] = defaultdict(list)
    echoes = levels(frame.split.echo_time for frame in frames)
    b_values = levels(frame.split.b_value for frame in frames)
    for frame in frames:
        direction = _direction(frame, directions)
        split = replace(frame.split, echo_time=echoes[frame.split.echo_time], b_value=b_values[frame.split.b_value])
        parts[(str(astuple(split)), str(direction), f"{frame.rows} x {frame.columns}")].append(frame)
    for part in sorted(parts):
        normal = _normal(directions[int(part[1])])
        for repetition, (members, notes) in enumerate(_ordered(parts[part], normal)):
            yield Series(members, (uid, *part, str(repetition)), notes)


def _direction(frame: Frame, known: list[NDArray[np.float64] | None]) -> int:
    """Return the number of the frame's orientation among those that are known, which it may add to."""
    usable = frame.orientation is not None and frame.position is not None
    own = np.array(frame.orientation) if usable else None
    for index, other in enumerate(known):
        if own is None or other is None:
            if own is other:
                return index
        elif float(np.abs(own - other).max()) < _SAME_DIRECTION:
            return index
    known.append(own)
    return len(known) - 1


def _normal(orientation: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return the normal of a slice that points to the right, the front or the head, as a NIfTI volume's axes do."""
    if orientation is None:
        return None
    normal: NDArray[np.float64] = np.cross(orientation[:3], orientation[3:])
    if float(np.linalg.norm(normal)) < _LEAST_LENGTH:
        return None
    to_ras = normal * (-1.0, -1.0, 1.0)
    return -normal if to_ras[np.abs(to_ras).argmax()] < 0 else normal


def _ordered(
    frames: list[Frame], normal: NDArray[np.float64] | None
) -> Iterator[tuple[tuple[Frame, ...], tuple[str, ...]]]:
    """Yield the frames in order, once for each repetition, with notes."""
    if normal is None:
        yield tuple(frames), ("the slices do not say where they lie: they are in the order of their instance numbers",)
        return
    places = _places(frames, normal)
    for repetition in range(max(len(place) for _, place in places)):
        taken = [(at, place[repetition]) for at, place in places if len(place) > repetition]
        yield tuple(frame for _, frame in taken), _gaps([at for at, _ in taken])


def _places(frames: list[Frame], normal: NDArray[np.float64]) -> list[tuple[float, list[Frame]]]:
    """Return the frames by their position along the normal, in mm; those at one place in the order of time."""
    at = sorted(((float(np.dot(frame.position or (), normal)), frame) for frame in frames), key=lambda pair: pair[0])
    places: list[tuple[float, list[Frame]]] = []
    for position, frame in at:
        if not places or position - places[-1][0] > _SAME_PLACE:
            places.append((position, []))
        places[-1][1].append(frame)
    for _, place in places:
        place.sort(key=lambda frame: (frame.moment, frame.order, frame.instance, frame.number))
    return places


def _gaps(positions: list[float]) -> tuple[str, ...]:
    steps = np.diff(positions)
    if len(steps) < 2:  # noqa: PLR2004 (one distance has no other to be compared with)
        return ()
    usual = float(np.median(steps))
    missing = sum(round(float(step) / usual) - 1 for step in steps if step > _GAP * usual)
    return (f"about {missing} slices seem to be missing between the others",) if missing else ()
