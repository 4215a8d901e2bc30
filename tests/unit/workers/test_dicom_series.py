from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian

from workers.sources.dicomframe import Frame
from workers.sources.dicomseries import series_of
from workers.sources.dicomtags import Split, levels

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, 0.8)

splits = st.builds(Split, st.integers(1, 2), st.sampled_from([None, 4.6]), st.sampled_from([None, 0.0, 800.0]))


@st.composite
def frame_lists(draw: st.DrawFn) -> list[Frame]:
    """Frames of up to two series, each frame with an instance of its own."""
    return [
        Frame(
            path=Path(f"{number}"),
            number=0,
            syntax=ExplicitVRLittleEndian,
            series=draw(st.sampled_from(["1.2", "1.3"])),
            instance=f"1.9.{number}",
            rows=draw(st.sampled_from([16, 32])),
            columns=16,
            image_type=(),
            split=draw(splits),
            position=draw(st.none() | st.tuples(*[st.integers(-9, 9).map(float)] * 3)),
            orientation=draw(st.sampled_from([None, AXIAL, OBLIQUE])),
            order=draw(st.integers(0, 3)),
            moment=(draw(st.sampled_from(["", "101500", "101501"])), 0.0),
            slope=1.0,
            intercept=0.0,
            inverted=False,
            padding=None,
        )
        for number in range(draw(st.integers(0, 20)))
    ]


@given(frame_lists(), st.randoms())
def test_the_order_of_the_files_does_not_matter(frames: list[Frame], random: Random) -> None:
    shuffled = random.sample(frames, len(frames))
    assert series_of(frames) == series_of(shuffled)


@given(frame_lists())
def test_every_slice_is_in_one_parent_and_every_parent_has_an_identity_of_its_own(frames: list[Frame]) -> None:
    parents = series_of(frames)
    members = [frame.instance for parent in parents for frame in parent.frames]
    assert sorted(members) == sorted(frame.instance for frame in frames)
    assert len({parent.identity for parent in parents}) == len(parents)


@given(frame_lists())
def test_a_parents_slices_agree_in_all_but_their_place_and_never_share_one(frames: list[Frame]) -> None:
    for parent in series_of(frames):
        assert len({(f.series, f.split, f.rows, f.columns) for f in parent.frames}) == 1
        placed = [f for f in parent.frames if f.orientation and f.position]
        assert len(placed) in {0, len(parent.frames)}
        if placed:
            orientation = np.array(placed[0].orientation)
            normal = np.cross(orientation[:3], orientation[3:])
            along = [float(np.dot(f.position or (), normal)) for f in placed]
            steps = np.diff(along)
            assert (steps > 0).all() or (steps < 0).all()


def test_values_that_differ_in_the_last_digits_are_one() -> None:
    found = levels([4.6049, None, 4.6051, 9.2, 9.23, 4.65, 800.0])
    assert found == {None: None, 4.6049: 4.6, 4.6051: 4.6, 4.65: 4.6, 9.2: 9.2, 9.23: 9.2, 800.0: 800.0}
