"""What the report is made of: which items it shows, their thumbnails and excerpts, and its charts."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deploy.answers import Answer
from deploy.demo.problems import written
from deploy.report import Row
from deploy.report.charts import BINS, bin_of, charts
from deploy.report.choice import strip, strip_length
from deploy.report.data import row_of
from deploy.report.previews import HEIGHT, excerpt, of_medium, preview
from schemas.items import ItemEnvelope
from streams.envelope import item_headers
from tests.unit.aggregation.records import failed, fed, only, scored, skipped
from tests.unit.deploy.explained import records
from workers.media import Picture, Slice


def _row(values: list[bytes]) -> Row:
    return row_of(only(fed(values)), records(values), medical=False)


def _answers(states: list[float | None]) -> list[Answer]:
    values = [failed("p", at) if score is None else scored("p", at, score) for at, score in enumerate(states)]
    values.append(skipped("p", len(states), len(states) + 1))
    return _row(values).answers


@settings(deadline=None)
@given(st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 8), st.booleans())
def test_a_strip_has_the_worst_item_and_is_in_order_and_not_too_long(
    states: list[float | None],
    limit: int,
    text: bool,
) -> None:
    found = _answers(states)
    shown = strip("document-chunk" if text else "image", found, limit)
    indices = [answer.value.index for answer in shown]
    assert indices == sorted(set(indices))
    assert len(shown) == min(limit, len(states), 3 if text else 8)
    assert all(answer.state != "skipped" for answer in shown)
    scores = [score for score in states if score is not None]
    if scores:
        assert min(scores) in [answer.score for answer in shown]


@given(st.integers(1, 100_000), st.integers(1, 10**7))
def test_many_parents_share_the_room_for_pictures(parents: int, room: int) -> None:
    length = strip_length(parents, room)
    assert 1 <= length <= 8
    assert length == 1 or length * parents * 5_000 <= room


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_every_score_has_its_bar(scores: list[float]) -> None:
    (chart,) = charts([_row([scored("p", at, score, len(scores)) for at, score in enumerate(scores)])])
    assert chart.items == len(scores) == sum(chart.shares.values())
    assert [chart.bins[number] for number in range(BINS)] == [
        sum(bin_of(score) == number for score in scores) for number in range(BINS)
    ]
    assert all(left >= 0 and left + width <= 1 + 1e-9 and 0 <= height <= 1 for left, width, height in chart.bars)


def _headers(kind: str, content_type: str) -> Any:
    return item_headers(
        ItemEnvelope(id="p/0", source="s", kind=kind, parent_id="p", index=0, content_type=content_type)
    )


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["video-frame", "mri-slice", "document-chunk", "unheard-of"]))
def test_no_bytes_break_the_report(value: bytes, kind: str) -> None:
    found = preview(_headers(kind, "application/octet-stream"), b"p", value)
    assert found is None or found.size > 0


@settings(deadline=None)
@given(st.integers(1, 700), st.integers(1, 700))
def test_a_thumbnail_fits_and_keeps_its_shape(height: int, width: int) -> None:
    found = of_medium(Picture(np.zeros((height, width, 3), dtype=np.uint8)))
    with Image.open(io.BytesIO(base64.b64decode(found.picture.split(",")[1]))) as image:
        assert image.format == "JPEG"
        assert image.size == (found.width, found.height)
    assert found.height <= min(HEIGHT, height)
    assert found.width <= min(256, width)


def test_a_slice_is_shown_in_its_window() -> None:
    found = of_medium(Slice(np.array([[0.0, 1.0]] * 16).repeat(8, axis=1).astype(np.float32)))
    with Image.open(io.BytesIO(base64.b64decode(found.picture.split(",")[1]))) as image:
        assert np.asarray(image)[:, 0].max() < 10
        assert np.asarray(image)[:, -1].min() > 245


@given(st.text())
def test_an_excerpt_is_one_short_line_of_the_text(text: str) -> None:
    found = excerpt(text)
    assert len(found) <= 242
    assert " ".join(text.split()).startswith(found.removesuffix(" …"))


def test_of_a_medical_file_that_cannot_be_read_no_path_is_written(tmp_path: Path) -> None:
    nameless = tmp_path / "DOE^JANE"
    nameless.write_bytes(bytes(128) + b"DICM")
    problems = [
        f"{tmp_path}/DOE_JOHN.nii.gz: is truncated",
        f"{tmp_path}/DOE_JIM.nii: is truncated",
        f"{nameless}: broken: DOE^JANE",
        f"{tmp_path}: no series",
        f"{tmp_path}/notes.txt: cannot be read",
    ]
    found = written(problems)
    assert found == [
        f"{tmp_path}/notes.txt: cannot be read",
        "2 medical files: is truncated",
        "1 medical file: broken: …",
        "1 medical file: no series",
    ]
