"""Which windows an item is in: a function of the item alone."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aggregation.spans import key_of, reopened, spans_of
from schemas import wire
from schemas.windows import IndexRanges, TimeSpans, Whole

times = st.integers(-(10**13), 10**13)


def _item(index: int = 0, item_time: int | None = None, appended_at: int = 5) -> wire.ItemFailed:
    fields: dict[str, Any] = {"parent_id": "p", "kind": "k", "source": "s", "item_id": "i", "cause": "c"}
    return wire.ItemFailed(**fields, index=index, item_time=item_time, appended_at=appended_at)


def _ends(name: str) -> tuple[int, int]:
    first, last = re.fullmatch("time/(-?\\d+)-(-?\\d+)", name).groups()  # type: ignore[union-attr]
    return int(first), int(last)


@given(time=times, hop=st.integers(1, 10_000), overlap=st.integers(1, 64))
def test_sliding_spans_hold_each_time_as_often_as_they_overlap(time: int, hop: int, overlap: int) -> None:
    window = TimeSpans(length_ms=hop * overlap, hop_ms=hop)
    spans = [_ends(span.id) for span in spans_of(_item(item_time=time), window)]
    assert len(spans) == len(set(spans)) == overlap
    assert all(start <= time < end and start % hop == 0 and end - start == hop * overlap for start, end in spans)


@given(time=times, length=st.integers(1, 10_000), hop=st.integers(1, 10_000))
def test_spans_of_any_hop_are_all_those_that_hold_a_time(time: int, length: int, hop: int) -> None:
    if not -(-length // 64) <= hop <= length:
        return
    spans = [_ends(span.id) for span in spans_of(_item(item_time=time), TimeSpans(length_ms=length, hop_ms=hop))]
    around = range(time // hop - length // hop - 2, time // hop + 3)
    assert spans == [(n * hop, n * hop + length) for n in around if n * hop <= time < n * hop + length]
    assert spans


@given(index=st.integers(0, 2**31 - 1), size=st.integers(1, 2**31 - 1))
def test_an_index_is_in_one_range(index: int, size: int) -> None:
    (span,) = spans_of(_item(index), IndexRanges(size=size))
    assert span.first_index <= index < span.first_index + size
    assert span.first_index % size == 0
    assert span.id == f"index/{span.first_index}-{span.first_index + size - 1}"


def test_the_time_is_the_producers_or_else_the_brokers() -> None:
    spans = TimeSpans(length_ms=10)
    assert [span.id for span in spans_of(_item(item_time=25), spans)] == ["time/20-30"]
    assert [span.id for span in spans_of(_item(appended_at=31), spans)] == ["time/30-40"]
    assert [span.id for span in spans_of(_item(7, 25), Whole())] == ["whole"]


def test_a_window_that_was_opened_again_is_known_by_the_key_of_the_first() -> None:
    assert key_of("p", reopened("whole", 7)) == key_of("p", "whole") == "p"
    assert key_of("p", reopened("index/0-9", 7)) == key_of("p", "index/0-9")
